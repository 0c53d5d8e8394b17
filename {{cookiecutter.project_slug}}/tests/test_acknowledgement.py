"""How often a task runs that gives its message back, or whose child process is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery import Celery

from devtools.stack import Stack
from shared.layout import queue_names
from tests.conftest import sender_for

QUEUE = queue_names()[0]
WORKER = f"python -m shared.commands.worker {QUEUE} --include tests.acknowledging"


@pytest.fixture(scope="module")
def app(broker: Stack) -> Iterator[Celery]:
    """An app that sends to a worker with the tasks of ``tests/acknowledging.py``."""
    broker.start("acknowledging", f"{WORKER} --hostname acknowledging@%h")
    sender = sender_for(broker.environment)
    yield sender
    sender.close()
    broker.stop("acknowledging")


def send(app: Celery, name: str, *arguments: Any) -> Any:
    return app.send_task(f"tests.acknowledging.{name}", arguments, queue=QUEUE, ignore_result=False)


def test_rejected_task_is_told_that_it_comes_again(app: Celery) -> None:
    assert send(app, "reject_first").get(timeout=30) is True


def test_task_acknowledged_early_runs_once_though_its_child_is_killed(app: Celery, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(WorkerLostError):
        send(app, "end_child", str(runs)).get(timeout=30)
    assert runs.read_text() == "run\n"
