"""More than the workers can take: services refuse it, memory is given back, and rate limits hold for all workers."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from celery import Celery
from trinity_celery.brokers import find_broker

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
