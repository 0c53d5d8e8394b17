"""More than the workers can take: services refuse it, memory is given back, and rate limits hold for all workers."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from celery import Celery
from celery.result import AsyncResult
from trinity_celery.brokers import find_broker
from trinity_celery.config import load_runtime
from trinity_celery.worker.rate_limit import SharedRateLimit

from devtools.stack import Stack, running_stack
from devtools.web_services import WEB_SERVICES, WebService
from shared.queues import PROJECT
from tests.conftest import STACK_ENVIRONMENT, sender_for

QUEUE = PROJECT.queue_names()[0]
PING = f"/queues/{QUEUE}/ping"
LIMIT = 3

StartWorker = Callable[..., Celery]
each_service = pytest.mark.parametrize("service", WEB_SERVICES, ids=lambda service: service.title)


@pytest.fixture(scope="module")
def services() -> Iterator[Stack]:
    """The web services with a low limit, and no worker."""
    limits = {"CELERY_QUEUE_LIMIT": str(LIMIT), "CELERY_MESSAGE_SIZE_LIMIT": "10"}
    only = {service.process for service in WEB_SERVICES}
    with running_stack(extra={**STACK_ENVIRONMENT, **limits}, only=only) as running:
        yield running


def post_until(services: Stack, service: WebService, status: int) -> httpx.Response:
    """Post until the answer has this status: what a service knows of a queue is up to a second old."""
    deadline = time.monotonic() + 30
    while True:
        response = httpx.post(f"{service.address(services.environment)}{PING}", timeout=30)
        if response.status_code == status:
            return response
        assert time.monotonic() < deadline, response.text
        time.sleep(0.05)


def waiting(app: Celery, queue: str = QUEUE) -> int:
    with app.connection_for_write() as connection:
        return find_broker(app.conf.broker_url).count_waiting(connection, queue)


def purge(app: Celery, queue: str = QUEUE) -> None:
    with app.connection_for_write() as connection:
        bound = next(each for each in app.conf.task_queues if each.name == queue).bind(connection.default_channel)
        bound.declare()
        bound.purge()


@each_service
def test_full_queue_is_answered_by_503_until_there_is_room(services: Stack, service: WebService) -> None:
    sender = sender_for(services.environment)
    purge(sender)
    refused = post_until(services, service, 503)
    assert refused.json()["detail"] == (
        f"the task queue is not available: {QUEUE} holds {LIMIT} tasks or more already (CELERY_QUEUE_LIMIT)"
    )
    assert int(refused.headers["Retry-After"]) > 0
    held = waiting(sender)
    assert held >= LIMIT
    # Another queue is another matter, and asking for a task's status is always possible.
    status = httpx.get(f"{service.address(services.environment)}/tasks/0123", timeout=30)
    assert status.status_code == httpx.codes.NOT_FOUND
    post_until(services, service, 503)
    assert waiting(sender) == held
    purge(sender)
    post_until(services, service, 202)
    sender.close()


@each_service
def test_large_message_is_answered_by_413(services: Stack, service: WebService) -> None:
    example = service.examples[0]
    response = httpx.post(f"{service.address(services.environment)}{example.path}", json=example.body, timeout=30)
    assert response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert "too large for a message: send at most 10 (CELERY_MESSAGE_SIZE_LIMIT)" in response.json()["detail"]


def test_task_that_sends_a_task_is_not_stopped_by_a_full_queue(start_worker: StartWorker, broker: Stack) -> None:
    sender = sender_for(broker.environment)
    result = sender.send_task("tests.pressing.send_ping", args=[QUEUE], queue=QUEUE)
    for _ in range(5):
        sender.send_task("tests.pressing.send_ping", args=[QUEUE], queue=QUEUE)
    start_worker(QUEUE, "full", "--include tests.pressing", CELERY_QUEUE_LIMIT="1")
    assert AsyncResult(result.get(timeout=60), app=sender).get(timeout=60) == "pong"
    sender.close()


def test_process_that_took_too_much_memory_is_replaced(start_worker: StartWorker) -> None:
    app = start_worker(QUEUE, "greedy", "--include tests.pressing", CELERY_WORKER_MAX_MEMORY_PER_CHILD="250000")

    def allocate(mebibytes: int) -> list[int]:
        found: list[int] = app.send_task("tests.pressing.allocate", args=[mebibytes], queue=QUEUE).get(timeout=60)
        return found

    modest, size = allocate(1)
    assert size == 1 << 20
    greedy, size = allocate(300)
    assert (greedy, size) == (modest, 300 << 20), "the result of the task that took it is kept"
    assert allocate(1)[0] != greedy


def test_rate_limit_holds_for_all_workers_together(start_worker: StartWorker) -> None:
    for name in ("limited-1", "limited-2"):
        app = start_worker(QUEUE, name, "--include tests.pressing")
    results = [app.send_task("tests.pressing.limited", queue=QUEUE) for _ in range(30)]
    between = app.send_task("tests.pressing.send_ping", args=[QUEUE], queue=QUEUE)
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
