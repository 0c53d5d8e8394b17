"""RabbitMQ's own dead letters: messages that end workers and what is rejected reach the store."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kombu.transport.native_delayed_delivery import MAX_NUMBER_OF_BITS_TO_USE, calculate_routing_key
from redis import Redis

from tests.library.harness import purge, sender_for
from tests.library.shop.queues import PROJECT
from trinity_celery.brokers.rabbitmq.broker import BROKER, DELIVERY_LIMIT, LONGEST_DELAY
from trinity_celery.brokers.rabbitmq.dead_queue import dead_queue, name_of
from trinity_celery.dead_letters import DeadLetter, DeadLetters, Replay
from trinity_celery.testing.processes import Processes

pytestmark = pytest.mark.only("rabbitmq")

QUEUE = PROJECT.queue_names()[0]


@pytest.fixture
def office(broker: Processes) -> Iterator[Replay]:
    """An empty store, and an app that sends to RabbitMQ."""
    client = Redis.from_url(broker.environment["REDIS_URL"], decode_responses=True)
    letters = DeadLetters(client, PROJECT.name, 100)
    office = Replay(letters, sender_for(broker.environment))
    purge(office.app)
    office.collect()
    if keys := client.keys(f"{letters.name}*"):
        client.delete(*keys)
    yield office
    client.close()


def channel_of(office: Replay) -> Any:
    return office.app.connection_for_read().channel()


def collect(office: Replay) -> DeadLetter:
    """Return the only letter, as soon as RabbitMQ has moved the message."""
    for _ in range(600):
        office.collect()
        if found := list(office.find()):
            assert len(found) == 1
            return found[0]
    raise AssertionError("no dead letter")


def test_message_that_was_given_back_too_often_is_a_letter(office: Replay) -> None:
    task_id = office.app.send_task("no.such.task", ["a"], {"b": 1}, queue=QUEUE).id
    for _ in range(DELIVERY_LIMIT + 1):
        channel = channel_of(office)
        assert office.app.amqp.queues[QUEUE](channel).get(accept=["json"])
        channel.connection.client.close()  # as a worker that was killed
    letter = collect(office)
    assert (letter.reason, letter.queue, letter.task, letter.task_id) == ("crash limit", QUEUE, "no.such.task", task_id)
    assert (letter.arguments, letter.keywords, letter.is_replayable) == (["a"], {"b": 1}, True)
    assert office.app.AsyncResult(task_id).state == "FAILURE"
    assert office.app.amqp.queues[QUEUE](channel_of(office)).get() is None


def test_rejected_garbage_is_a_letter_too(office: Replay) -> None:
    channel = channel_of(office)
    queue = office.app.amqp.queues[QUEUE](channel)
    queue.declare()
    channel.basic_publish(channel.prepare_message(b"\xff\xfe", headers={"task": 5}), routing_key=QUEUE)
    message = queue.get()
    while message is None:
        message = queue.get()
    message.reject(requeue=False)
    letter = collect(office)
    assert (letter.reason, letter.queue, letter.is_replayable) == ("rejected", QUEUE, False)
    assert letter.raw == "\\xff\\xfe"


def test_task_that_expires_on_the_broker_is_revoked(office: Replay) -> None:
    """As one does that somebody else has sent: our own senders leave it to the worker."""
    result: Any = office.app.signature("no.such.task", queue=QUEUE).apply_async(expires=0.05)
    channel = channel_of(office)
    queue = office.app.amqp.queues[QUEUE](channel)
    ours = queue.get(accept=["json"])
    assert ours and "expiration" not in ours.properties
    ours.ack()
    about = {name: ours.properties[name] for name in ("content_type", "content_encoding")}
    message = channel.prepare_message(ours.body, headers=ours.headers, properties={"expiration": "50"}, **about)
    channel.basic_publish(message, routing_key=QUEUE)
    deadline = time.monotonic() + 30
    while result.state != "REVOKED":
        assert time.monotonic() < deadline, result.state
        office.collect()
    assert list(office.find()) == []


@settings(deadline=None, max_examples=200)
@given(st.floats(min_value=0, exclude_min=True, max_value=2 * LONGEST_DELAY))
def test_delay_is_rounded_up_to_what_rabbitmq_can_keep_back(seconds: float) -> None:
    app = sender_for({})
    if seconds > LONGEST_DELAY:
        with pytest.raises(ValueError, match=f"RabbitMQ keeps a task back for at most {LONGEST_DELAY} s"):
            BROKER.whole_delay(app, seconds)
        return
    whole = BROKER.whole_delay(app, seconds)
    assert whole - 1 < seconds <= whole
    levels = calculate_routing_key(whole, QUEUE).removesuffix(f".{QUEUE}").split(".")
    assert int("".join(levels), 2) == whole
    assert len(levels) == MAX_NUMBER_OF_BITS_TO_USE


def test_queue_of_dead_messages_is_bounded_and_durable() -> None:
    queue = dead_queue(name_of(PROJECT.name))
    assert queue.name == f"{PROJECT.name}.dead"
    assert queue.durable
    assert (queue.queue_arguments or {})["x-max-length"] == 10_000
