"""A worker that is asked to stop ends in time, whatever Celery does."""

import time
from collections.abc import Callable

from celery import Celery

from devtools.stack import Stack
from shared.layout import queue_names

QUEUE = queue_names()[0]


def test_worker_that_is_stuck_ends_and_gives_its_task_back(broker: Stack, start_worker: Callable[..., Celery]) -> None:
    app = start_worker(QUEUE, "stuck", "--include tests.stuck --concurrency 1")
    result = app.send_task("tests.sleeping.nap", [40], queue=QUEUE, ignore_result=False)
    while app.AsyncResult(result.id).state != "STARTED":
        time.sleep(0.05)
    broker.stop("stuck", patience=60)
    assert "did not stop within 11.0 s and is ended" in broker.log("stuck").read_text()
    start_worker(QUEUE, "next", "--include tests.sleeping")
    for _ in range(600):
        if f"nap[{result.id}] received" in broker.log("next").read_text():
            return
        time.sleep(0.1)
    raise AssertionError(broker.log("next").read_text())
