"""The command ``trinity``: how it finds the project, what it says of a wrong command line, and what it imports."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.commands import clean_environment
from tests.library.harness import SHOP
from tests.matrix import ROOT
from trinity_celery.cli.dead_letters import dead_letters
from trinity_celery.cli.main import SUBCOMMANDS
from trinity_celery.cli.main import trinity as group

QUEUES = """
from trinity_celery.config import Project, Queue, Service

PROJECT = Project(
    name="corner",
    services=[Service(name="corner", package="corner", celery_app="corner.celery", default_queue="sweets")],
    queues=[Queue(name="sweets", worker_app="corner.celery")],
)
OTHER = "no project"
"""


def trinity(*words: str, folder: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as installed in this environment."""
    command = [str(Path(sys.executable).with_name("trinity")), *words]
    variables = clean_environment(**environment)
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def corner(tmp_path: Path) -> Path:
    """A folder with a project of its own, and one below it."""
    (tmp_path / "queues.py").write_text(QUEUES)
    (tmp_path / "broken.py").write_text("import not_installed_anywhere\n")
    (tmp_path / "below").mkdir()
    return tmp_path


def refusal(*words: str, folder: Path, **environment: str) -> str:
    """Return the one line that refuses a command line."""
    done = trinity(*words, folder=folder, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    return line


def test_project_is_found_by_option_variable_or_pyproject(corner: Path) -> None:
    unknown = "'typo' is not a queue of this project: use one of sweets\n"
    assert trinity("--project", "queues:PROJECT", "worker", "typo", folder=corner).stderr == unknown
    assert trinity("worker", "typo", folder=corner, TRINITY_PROJECT="queues:PROJECT").stderr == unknown
    (corner / "pyproject.toml").write_text('[tool.trinity-celery]\nproject = "queues:PROJECT"\n')
    assert trinity("worker", "typo", folder=corner).stderr == unknown
    # From a folder below, too; the modules are where the command runs.
    done = trinity("worker", "typo", folder=corner / "below", PYTHONPATH=str(corner))
    assert done.stderr == unknown
    done = trinity("--project", "queues:PROJECT", "worker", "typo", folder=corner, TRINITY_PROJECT="nowhere:X")
    assert done.stderr == unknown, "the option wins"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("", "no project is named: pass --project MODULE:NAME, set TRINITY_PROJECT, or write project under"),
        ("queues", "'queues' is not MODULE:NAME, such as shared.queues:PROJECT"),
        (".queues:PROJECT", "'.queues:PROJECT' is not MODULE:NAME, such as shared.queues:PROJECT"),
        ("nowhere.at_all:PROJECT", "there is no module 'nowhere' in "),
        ("queues:NOBODY", "queues has no 'NOBODY': name its Project of trinity_celery.config"),
        ("queues:OTHER", "'OTHER' in queues is not a Project of trinity_celery.config"),
    ],
)
def test_wrong_project_is_said_in_one_line(corner: Path, reference: str, problem: str) -> None:
    line = refusal("worker", "sweets", folder=corner, TRINITY_PROJECT=reference)
    assert line.startswith("error: ")
    assert problem in line
    assert line.endswith("; --help tells more")
    if reference:
        assert refusal("--project", reference, "worker", "sweets", folder=corner) == line


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        ("[tool\n", "/pyproject.toml cannot be read: "),
        ('[tool]\ntrinity-celery = "queues:PROJECT"\n', "/pyproject.toml: trinity-celery below tool is no table: "),
        ("[tool.trinity-celery]\nproject = 3\n", "pyproject.toml: '3' is not MODULE:NAME"),
        ("tool = 3\n", "no project is named: "),
    ],
)
def test_wrong_pyproject_is_said_in_one_line(corner: Path, contents: str, problem: str) -> None:
    (corner / "pyproject.toml").write_text(contents)
    assert problem in refusal("beat", folder=corner)


def test_what_the_project_imports_in_vain_is_its_own_affair(corner: Path) -> None:
    done = trinity("check", folder=corner, TRINITY_PROJECT="broken:PROJECT")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'not_installed_anywhere'"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["chek"], "error: No such command 'chek'"),
        (["--porject", "a:B", "check"], "error: No such option '--porject'"),
        (["check", "--setings"], "error: No such option '--setings'"),
        (["dead-letters", "list", "--limit", "0"], "error: Invalid value for '--limit': 0 is not in the range"),
        (["dead-letters", "show"], "error: Missing argument 'ID'"),
    ],
)
def test_wrong_command_line_is_said_in_one_line(words: list[str], problem: str) -> None:
    assert refusal(*words, folder=ROOT, **SHOP).startswith(problem)


@pytest.mark.parametrize(
    "words", [[], *([name] for name in SUBCOMMANDS), *(["dead-letters", name] for name in dead_letters.commands)]
)
def test_help_is_complete_and_needs_no_project(words: list[str], tmp_path: Path) -> None:
    done = trinity(*words, "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {' '.join(['trinity', *words])} ")
    command: click.Command = group
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found
        command = found
    assert command.help
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help or each.opts[0] not in done.stdout] == []


def test_ctrl_c_is_no_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        process = subprocess.Popen(
            [sys.executable, "-m", "trinity_celery", "check"],
            cwd=ROOT,
            env=clean_environment(**SHOP, REDIS_URL=url),
            stderr=subprocess.PIPE,
            text=True,
        )
        with silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (130, "")


def test_beat_of_a_project_without_one_is_refused() -> None:
    done = trinity("beat", folder=ROOT, **SHOP)
    assert (done.returncode, done.stderr) == (1, "error: shop has no beat: pass beat_scheduler to its Project\n")


@pytest.mark.parametrize(
    ("words", "modules"),
    [
        (["--help"], ["main", "project"]),
        (["worker", "typo"], ["main", "processes", "project", "worker"]),
        (["beat"], ["beat", "main", "processes", "project"]),
        (["check", "--settings"], ["check", "main", "project"]),
    ],
)
def test_subcommand_imports_none_of_the_others(words: list[str], modules: list[str]) -> None:
    code = (
        "import sys; from trinity_celery.cli.main import main\n"
        f"try: main({words})\n"
        "except SystemExit: print(*sorted(name for name in sys.modules if name.startswith('trinity_celery.cli.')))\n"
        "print('flower' in sys.modules, 'trinity_celery.worker' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment(**SHOP),
        capture_output=True,
        text=True,
        check=True,
    )
    *_, names, others = done.stdout.splitlines()
    assert names.split() == [f"trinity_celery.cli.{name}" for name in modules]
    assert others == "False False"
