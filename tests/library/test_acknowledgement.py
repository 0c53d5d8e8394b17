"""What becomes of a task that gives its message back, or whose child process is killed."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery import Celery

from tests.library.harness import QUEUE, WORKER, count_waiting, purge, sender_for
from trinity_celery.testing.processes import Processes

TASKS = "tests.library.tasks.acknowledging"


@pytest.fixture(scope="module")
def app(broker: Processes) -> Iterator[Celery]:
    """An app that sends to a worker with the tasks of ``tests/library/tasks/acknowledging.py``."""
    broker.start("acknowledging", f"{WORKER} --include {TASKS} --concurrency 4 --hostname acknowledging@%h")
    sender = sender_for(broker.environment)
    yield sender
    sender.close()
    broker.stop("acknowledging")


def send(app: Celery, name: str, *arguments: Any) -> Any:
    return app.send_task(f"{TASKS}.{name}", arguments, queue=QUEUE, ignore_result=False)


def test_rejected_task_is_told_that_it_comes_again(app: Celery) -> None:
    assert send(app, "reject_first").get(timeout=30) is True


def test_task_acknowledged_early_runs_once_though_its_child_is_killed(app: Celery, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(WorkerLostError):
        send(app, "end_child", str(runs)).get(timeout=30)
    assert runs.read_text() == "run\n"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs(file: Path) -> bool:
    """Return whether the program whose process stands in ``file`` runs."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", file.read_text()], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


def test_program_ends_with_the_task_that_is_killed(broker: Processes, app: Celery, tmp_path: Path) -> None:
    """The last test of the worker, as it stops that."""
    files = {how: tmp_path / how for how in ("limited", "revoked", "stopped", "done")}
    limits: dict[str, Any] = {"limited": {"time_limit": 3}}  # below the soft limit of the configuration
    results = {
        how: app.send_task(
            f"{TASKS}.start_program",
            [str(file), 0 if how == "done" else 60],
            queue=QUEUE,
            ignore_result=False,
            **limits.get(how, {}),
        )
        for how, file in files.items()
    }
    results["done"].get(timeout=30)
    wait_until(lambda: all(file.is_file() and file.read_text() for file in files.values()))
    app.control.revoke(results["revoked"].id, terminate=True)
    wait_until(lambda: not runs(files["limited"]) and not runs(files["revoked"]))
    assert runs(files["stopped"])
    broker.send_signal("acknowledging", signal.SIGTERM)
    assert broker.wait("acknowledging", 20) == 0, broker.log("acknowledging").read_text()
    wait_until(lambda: count_waiting(app) > 0)
    purge(app)  # of the task that went back
    wait_until(lambda: not runs(files["stopped"]))
    # What a task that succeeds leaves running is its own affair.
    assert runs(files["done"])
    subprocess.run(["kill", files["done"].read_text()], check=True)
