"""What a contract sends to RabbitMQ by itself is what Celery would send, is confirmed, and is bounded."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery, current_app
from celery.signals import after_task_publish
from kombu import Queue
from kombu.transport.native_delayed_delivery import declare_native_delayed_delivery_exchanges_and_queues
from pydantic import BaseModel

from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.brokers.rabbitmq import publisher as rabbitmq_publisher
from trinity_celery.brokers.rabbitmq.connection import Wire
from trinity_celery.brokers.redis.publisher import close_lines
from trinity_celery.contracts import Contract
from trinity_celery.errors import BrokerUnavailableError, QueueFullError
from trinity_celery.messages import read_status
from trinity_celery.messages.backpressure import backpressure_of
from trinity_celery.testing.processes import Processes

pytestmark = pytest.mark.only("rabbitmq")

NAME = PROJECT.queue_names()[0]


class Text(BaseModel):
    """Arguments."""

    text: str


TASK = Contract("tests.nobody", NAME, Text)
WITHOUT_RESULT = Contract("tests.nobody", NAME, Text, keeps_result=False)


def send_async(contract: Contract[Any], *payloads: BaseModel, **options: Any) -> list[str]:
    """Send all payloads at once from an event loop."""

    async def send() -> list[str]:
        ids = await asyncio.gather(*(contract.send_async(payload, **options) for payload in payloads))
        await close_lines()
        return ids

    return asyncio.run(send())


@pytest.fixture
def queue(sender: Celery) -> Iterator[Queue]:
    """The first queue, empty, on a channel of its own."""
    with sender.connection_for_write() as connection:
        bound: Any = sender.amqp.queues[NAME].bind(connection.channel())
        bound.declare()
        bound.purge()
        yield bound
        bound.maybe_bind(connection.channel())
        bound.purge()


def take(queue: Any) -> Any:
    """Take the next message."""
    message = queue.get(accept=["json"])
    assert message
    message.ack()
    return message


def waiting(queue: Any) -> list[str]:
    """Take every message, and return the ids of the tasks in their order."""
    ids = []
    while message := queue.get(accept=["json"]):
        message.ack()
        ids.append(message.headers["id"])
    return ids


@pytest.mark.parametrize("send", [Contract.send, send_async])
@pytest.mark.parametrize(
    ("ours", "theirs"), [({}, {}), ({"idempotency_key": "k"}, {"headers": {"idempotency_key": "k"}})]
)
def test_message_is_that_of_celery(
    sender: Celery, queue: Queue, send: Callable[..., Any], ours: Any, theirs: Any
) -> None:
    sender.send_task(TASK.name, kwargs={"text": "hello"}, task_id="1", queue=NAME, ignore_result=False, **theirs)
    expected = take(queue)
    send(TASK, Text(text="hello"), task_id="1", **ours)
    found = take(queue)
    assert found.headers == expected.headers
    assert json.loads(found.body) == json.loads(expected.body)
    assert found.properties == expected.properties
    assert (found.content_type, found.content_encoding) == (expected.content_type, expected.content_encoding)
    for name in ("exchange", "routing_key"):
        assert found.delivery_info[name] == expected.delivery_info[name]


def test_delayed_task_is_left_to_celery(sender: Celery, queue: Queue) -> None:
    declare_native_delayed_delivery_exchanges_and_queues(sender.connection_for_write(), "quorum")
    WITHOUT_RESULT.send(Text(text="later"), countdown=3600)
    assert waiting(queue) == []


def test_many_at_once_are_confirmed(queue: Queue) -> None:
    heard = []
    after_task_publish.connect(heard_of := lambda headers, **_: heard.append(headers["id"]))
    ids = send_async(TASK, *(Text(text=str(number)) for number in range(300)))
    after_task_publish.disconnect(heard_of)
    assert sorted(waiting(queue)) == sorted(ids) == sorted(heard)
    assert WITHOUT_RESULT.send_many(Text(text=str(number)) for number in range(250)) == waiting(queue)


@pytest.mark.parametrize("send", [Contract.send, send_async])
def test_status_is_noted_and_taken_back_if_the_task_is_not_taken(
    sender: Celery, queue: Any, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(TASK, Text(text="hello"), task_id="noted")
    status = read_status("noted")
    assert status and status.state == "queued"
    monkeypatch.setattr(Wire, "_publish", refuse)
    with pytest.raises(BrokerUnavailableError, match=r"^nobody takes it$"):
        send(TASK, Text(text="hello"), task_id="refused")
    assert read_status("refused") is None


def refuse(*_: Any) -> None:
    raise ConnectionError("nobody takes it")


def test_lost_connection_is_replaced(queue: Queue) -> None:
    TASK.send(Text(text="1"))
    for wires in rabbitmq_publisher._wires.values():
        for wire in wires._idle:
            wire._connection.connection.transport.sock.close()
    TASK.send(Text(text="2"))
    assert len(waiting(queue)) == 2


def test_task_that_no_queue_gets_is_no_success(sender: Celery, queue: Any) -> None:
    TASK.send(Text(text="1"))
    queue.delete()
    with pytest.raises(BrokerUnavailableError, match=rf"^the queue {NAME} is gone$"):
        TASK.send(Text(text="2"))
    TASK.send(Text(text="3"))
    assert json.loads(take(queue).body)[1] == {"text": "3"}


def test_task_that_the_broker_refuses_is_no_success(sender: Celery, queue: Any) -> None:
    """A policy may bound a queue; with ``reject-publish`` the broker says so."""
    small = Queue(
        "small",
        queue.exchange,
        routing_key="small",
        queue_arguments={"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"},
    )
    sender.amqp.queues.add(small)
    contract = Contract("tests.nobody", "small", Text, keeps_result=False)
    # A quorum queue may take a few more than it says.
    with pytest.raises(BrokerUnavailableError, match=r"^the broker refuses the task$"):
        for number in range(20):
            contract.send(Text(text=str(number)))
    TASK.send(Text(text="1"))
    assert len(waiting(queue)) == 1


def test_full_queue_is_refused(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = WITHOUT_RESULT.send_many([Text(text="1"), Text(text="2")])
    known = backpressure_of(current_app._get_current_object())  # type: ignore[attr-defined]
    monkeypatch.setattr(known, "limit", 2)
    monkeypatch.setattr(known, "_known", {})
    with pytest.raises(QueueFullError, match=f"{NAME} holds 2 tasks or more"):
        WITHOUT_RESULT.send(Text(text="3"))
    assert waiting(queue) == ids


FORK = """
import os
from importlib import import_module
import_module({app!r})
from pydantic import BaseModel
from trinity_celery.contracts import Contract
class Nothing(BaseModel):
    pass
contract = Contract("tests.nobody", {queue!r}, Nothing)
contract.send(Nothing())
child = os.fork()
for _ in range(50):
    contract.send(Nothing())
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""


def test_process_that_was_forked_has_a_connection_of_its_own(broker: Processes, queue: Queue) -> None:
    script = FORK.format(app=PROJECT.services[0].celery_app, queue=NAME)
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=broker.environment, check=True, timeout=60)
    assert len(set(waiting(queue))) == 101
