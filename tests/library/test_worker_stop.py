"""A worker that is asked to stop ends when its tasks have ended, and in time, whatever Celery does."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.library.harness import end_task
from tests.library.shop.queues import PROJECT
from trinity_celery.testing.processes import Processes

QUEUE = PROJECT.queue_names()[0]
LONG = "300"  # seconds; more than these tests wait

StartWorker = Callable[..., Celery]


def send_nap(app: Celery, seconds: float, name: str = "nap") -> Any:
    """Send a task that takes so long, and return when it runs."""
    result = app.send_task(f"trinity_celery.testing.tasks.{name}", [seconds], queue=QUEUE, ignore_result=False)
    while app.AsyncResult(result.id).state != "STARTED":
        time.sleep(0.05)
    return result


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_worker_ends_with_its_last_task(broker: Processes, start_worker: StartWorker, pool: str) -> None:
    environment = {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": LONG, "CELERY_WORKER_POOL": pool}
    app = start_worker(QUEUE, pool, "--include trinity_celery.testing.tasks", **environment)
    result = send_nap(app, 2)
    broker.send_signal(pool, signal.SIGTERM)
    assert broker.wait(pool, 60) == 0
    assert app.AsyncResult(result.id).state == "SUCCESS"


def test_worker_that_is_stuck_ends_when_nothing_runs(
    broker: Processes, start_worker: StartWorker, tmp_path: Path
) -> None:
    environment = {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": LONG, "TMPDIR": str(tmp_path)}
    start_worker(QUEUE, "stuck", "--include tests.library.tasks.stuck", **environment)
    assert list(tmp_path.iterdir()) != []
    broker.send_signal("stuck", signal.SIGTERM)
    assert broker.wait("stuck", 60) == 0
    assert list(tmp_path.iterdir()) == []


def test_worker_that_is_stuck_gives_its_task_back(broker: Processes, start_worker: StartWorker) -> None:
    app = start_worker(
        QUEUE, "stopped", "--include tests.library.tasks.stuck,trinity_celery.testing.tasks --concurrency 2"
    )
    result = send_nap(app, 40)
    early = send_nap(app, 40, "early_nap")
    broker.stop("stopped", patience=60)
    log = broker.log("stopped").read_text()
    assert re.search(r"ended after 1\.0 s; what still ran goes back to its queue: .*\.tasks\.nap\[", log)
    start_worker(QUEUE, "next", "--include trinity_celery.testing.tasks")
    deadline = time.monotonic() + 60
    while f".nap[{result.id}] received" not in broker.log("next").read_text():
        assert time.monotonic() < deadline, broker.log("next").read_text()
        time.sleep(0.1)
    # What was acknowledged before it ran is not in the queue any more.
    assert f"{early.id}] received" not in broker.log("next").read_text()
    assert (app.AsyncResult(early.id).state, str(app.AsyncResult(early.id).result)) == (
        "FAILURE",
        "the worker was stopped while the task ran",
    )
    end_task(app, result.id)
