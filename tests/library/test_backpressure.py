"""More than the workers can take: services refuse it, memory is given back, and rate limits hold for all workers."""

from collections.abc import Callable

import pytest
from celery import Celery
from celery.result import AsyncResult

from tests.library.harness import QUEUE, sender_for
from tests.library.shop.queues import PROJECT
from trinity_celery.config import load_runtime
from trinity_celery.testing.processes import Processes
from trinity_celery.worker.rate_limit import SharedRateLimit

StartWorker = Callable[..., Celery]


def test_task_that_sends_a_task_is_not_stopped_by_a_full_queue(start_worker: StartWorker, broker: Processes) -> None:
    sender = sender_for(broker.environment)
    result = sender.send_task("tests.library.tasks.pressing.send_ping", args=[QUEUE], queue=QUEUE)
    for _ in range(5):
        sender.send_task("tests.library.tasks.pressing.send_ping", args=[QUEUE], queue=QUEUE)
    start_worker(QUEUE, "full", "--include tests.library.tasks.pressing", CELERY_QUEUE_LIMIT="1")
    assert AsyncResult(result.get(timeout=60), app=sender).get(timeout=60) == "pong"
    sender.close()


def test_process_that_took_too_much_memory_is_replaced(start_worker: StartWorker) -> None:
    app = start_worker(
        QUEUE, "greedy", "--include tests.library.tasks.pressing", CELERY_WORKER_MAX_MEMORY_PER_CHILD="250000"
    )

    def allocate(mebibytes: int) -> list[int]:
        found: list[int] = app.send_task("tests.library.tasks.pressing.allocate", args=[mebibytes], queue=QUEUE).get(
            timeout=60
        )
        return found

    modest, size = allocate(1)
    assert size == 1 << 20
    greedy, size = allocate(300)
    assert (greedy, size) == (modest, 300 << 20), "the result of the task that took it is kept"
    assert allocate(1)[0] != greedy


def test_rate_limit_holds_for_all_workers_together(start_worker: StartWorker) -> None:
    for name in ("limited-1", "limited-2"):
        app = start_worker(QUEUE, name, "--include tests.library.tasks.pressing")
    results = [app.send_task("tests.library.tasks.pressing.limited", queue=QUEUE) for _ in range(30)]
    between = app.send_task("tests.library.tasks.pressing.send_ping", args=[QUEUE], queue=QUEUE)
    starts = sorted(result.get(timeout=120) for result in results)
    # Five a second, so 30 take five seconds; a task may begin a moment after it was allowed to.
    assert starts[-1] - starts[0] > 4
    assert all(later - earlier > 1 for earlier, later in zip(starts, starts[10:], strict=False))
    assert {str(result.worker).partition("@")[0] for result in results} == {"limited-1", "limited-2"}
    # Waiting for its turn, none has used up an attempt, nor kept a worker from doing something else.
    assert {result.retries for result in results} == {0}
    assert between.get(timeout=60)
    assert between.date_done and between.date_done < max(result.date_done for result in results if result.date_done)


@pytest.mark.parametrize("limit", ["", "10", "0/s", "-1/s", "ten/s", "10/d"])
def test_rate_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match="is no rate: write so many a second, minute or hour"):
        SharedRateLimit(load_runtime(PROJECT), "test", limit)


def test_nothing_starts_while_nobody_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert SharedRateLimit(load_runtime(PROJECT), "test", "10/s").wait() >= 5
