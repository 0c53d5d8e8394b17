"""What every rendering consists of, file by file: for each pair of answers, and for the layouts with a name."""

import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from local_extensions import plan
from local_extensions.files import VARIANTS, split_variant
from tests.commands import as_arguments, cookiecutter, run, tool, without_network
from tests.conftest import Bake
from tests.files import CACHES, LIBRARY, files_below, listing, parse
from tests.matrix import LEVELS, NAMED, ROOT, TEMPLATE, VALID, Answers, all_pairs, pairs_of, renderings
from tests.test_plan import complete

EXPECTED = ROOT / "tests" / "expected_files"
RENDERINGS = [pytest.param(answers, id=name) for name, answers in renderings()]

_VARIANTS = "|".join(re.escape(split_variant(path)[1]) for path in chain(*VARIANTS.values()))
LEFTOVERS = re.compile(
    rf"jinja:|# template:|\{{\{{|\{{%|cookiecutter\.\w|local_extensions|[a-z]__(?:{_VARIANTS})(?!__)", re.IGNORECASE
)

# For each feature, when it was chosen, and how it shows: none of it may stay behind when it was not.
TRACES: dict[str, tuple[Callable[[Answers], bool], str]] = {
    "Django": (lambda answers: answers["use_django"], r"django|backend[./]platform|manage\.py|wsgi"),
    "FastAPI": (lambda answers: answers["use_fastapi"], r"fastapi|uvicorn|app[./]atom|(?<![a-z])atom(?![a-z])"),
    "RabbitMQ": (lambda answers: answers["broker"] == "rabbitmq", r"rabbitmq|(?<!app\.)amqp"),
    "Flower": (lambda answers: answers["use_flower"], r"flower"),
    "beat": (lambda answers: answers["beat_scheduler"] != "none", r"(?<![a-z])beat(?![a-z])|celerybeat"),
    "RedBeat": (lambda answers: answers["beat_scheduler"] == "redbeat", r"redbeat"),
    "database scheduler": (
        lambda answers: answers["beat_scheduler"] == "database",
        r"django[-_]celery[-_]beat|PeriodicTask|DatabaseScheduler",
    ),
    "file scheduler": (lambda answers: answers["beat_scheduler"] == "file", r"celerybeat-schedule|PersistentScheduler"),
    "shared worker": (lambda answers: plan(answers).combined, r"combined"),
}


def all_folders(project: Path) -> Iterator[Path]:
    return (path for path in project.rglob("*") if path.is_dir())


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


@pytest.fixture(params=RENDERINGS)
def answers(request: pytest.FixtureRequest) -> Answers:
    """The answers of each rendering in turn."""
    given: Answers = request.param
    return given


@pytest.fixture
def project(answers: Answers, bake: Bake) -> Path:
    """The project that is rendered from ``answers``."""
    return bake(**answers)


def test_every_pair_of_answers_is_rendered() -> None:
    rendered = set().union(*map(pairs_of, all_pairs()))
    possible = set().union(*map(pairs_of, VALID))
    assert rendered == possible
    assert {key for key, _ in set().union(*possible)} == set(LEVELS)


def test_files_are_exactly_those_of_the_plan(answers: Answers, project: Path) -> None:
    made = plan(complete(**answers))
    names = dict(made.rename)
    gone = tuple(f"{path}/" for path in made.remove)
    kept = [name for name in listing(TEMPLATE) if name not in made.remove and not name.startswith(gone)]
    assert listing(project) == sorted([*(names.get(name, name) for name in kept), f"{LIBRARY}/"])
    assert [path for path in project.rglob("*") if path.name in CACHES] == []


@pytest.mark.parametrize("name", NAMED)
def test_files_are_exactly_those_on_the_list(name: str, bake: Bake) -> None:
    assert listing(bake(**NAMED[name])) == (EXPECTED / f"{name}.txt").read_text().splitlines()


def test_lists_are_exactly_those_of_the_named_layouts() -> None:
    assert {path.stem for path in EXPECTED.iterdir()} == set(NAMED)


def test_no_folder_is_empty(project: Path) -> None:
    assert [folder for folder in all_folders(project) if not any(folder.iterdir())] == []


def test_nothing_of_the_template_is_left_over(project: Path) -> None:
    found = {
        f"{path}: {leftover.group()}"
        for path in files_below(project)
        for leftover in LEFTOVERS.finditer(f"{path}\n{text_of(project / path)}")
    }
    assert found == set()


def traces_of(feature: str, project: Path) -> list[str]:
    trace = re.compile(TRACES[feature][1], re.IGNORECASE)
    return [
        f"{feature}: {path}:{number}: {line}"
        for path in files_below(project)
        for number, line in enumerate([str(path), *text_of(project / path).splitlines()])
        if trace.search(line)
    ]


def test_what_was_not_chosen_leaves_no_trace(answers: Answers, project: Path) -> None:
    chosen = {feature for feature, (is_chosen, _) in TRACES.items() if is_chosen(complete(**answers))}
    assert [trace for feature in TRACES if feature not in chosen for trace in traces_of(feature, project)] == []
    assert {feature for feature in TRACES if traces_of(feature, project)} == chosen


def test_files_parse(project: Path) -> None:
    for path in files_below(project):
        content = parse(project / path)
        if path.suffix == ".env":
            assert len(content) == len(set(content)), f"{path} sets a variable twice"


def test_text_is_tidy(project: Path) -> None:
    for path in files_below(project):
        text = text_of(project / path)
        assert "\r" not in text, path
        assert text == "" or re.search(r"\S\n\Z", text), f"{path} does not end in one line break"
        assert not re.search(r"[ \t]\n", text), f"{path} has spaces at the end of a line"
        if path.suffix not in {".py", ".md"} and path.name != "LICENSE":
            assert "\n\n\n" not in text, f"{path} has two empty lines in a row"


def test_linters_have_nothing_to_say(project: Path, tmp_path: Path) -> None:
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        ended = run([tool(command[0]), *command[1:]], project, RUFF_CACHE_DIR=str(tmp_path))
        assert ended.returncode == 0, ended.stdout
    ended = run([tool("yamllint"), "--strict", "--config-file", ROOT / ".yamllint", "."], project)
    assert ended.returncode == 0, ended.stdout


def test_make_help_lists_a_worker_for_each_queue(answers: Answers, project: Path) -> None:
    """PARITY B9."""
    ended = run(["make", "help"], project)
    assert ended.returncode == 0
    beat = [] if complete(**answers)["beat_scheduler"] == "none" else ["celery-beat", "celery-beat-logs"]
    queues = [f"celery-{queue.name}" for queue in plan(complete(**answers)).queues]
    listed = re.findall(r"^ *(celery-\S+)", ended.stdout, re.MULTILINE)
    assert sorted(listed) == sorted([*beat, *queues, "celery-logs"])


def _contents(project: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(project)): (path.read_bytes(), path.stat().st_mode)
        for path in project.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", NAMED)
def test_rendering_needs_no_network_and_gives_the_same_bytes(name: str, bake: Bake, tmp_path: Path) -> None:
    arguments = cookiecutter("--no-input", "--output-dir", tmp_path / "out")
    command, changes = without_network([*arguments, *as_arguments(NAMED[name])], tmp_path)
    ended = run(command, tmp_path, HOME=str(tmp_path), **changes)
    assert ended.returncode == 0, ended.stdout
    assert _contents(tmp_path / "out" / "trinity") == _contents(bake(**NAMED[name]))


def test_nothing_but_data_depends_on_the_texts(bake: Bake) -> None:
    texts: dict[str, Any] = {
        "project_name": "Café & O'Neill's 100 % <shop> #1",
        "project_slug": "corner-shop-2",
        "description": "Sells $HOME, `backticks`, 'quotes': and #hashes",
        "author_name": "Ülker & sons",
    }
    project = bake(**texts)
    assert listing(project) == listing(bake())
    for path in files_below(project):
        parse(project / path)
    assert run(["make", "help"], project).stdout == run(["make", "help"], bake()).stdout
