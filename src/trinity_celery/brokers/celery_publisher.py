"""Publish through Celery itself, whatever it takes: for messages of which a publisher does not know everything."""

import os
from collections.abc import Callable, Sequence

from celery import Celery
from kombu import Connection

from trinity_celery.connections.circuit_breaker import Breaker
from trinity_celery.connections.timeouts import within_deadline, within_deadline_async
from trinity_celery.messages.backpressure import backpressure_of
from trinity_celery.messages.envelope import send_by_celery
from trinity_celery.messages.message import Message

Count = Callable[[Connection, str], int]

_breaker = Breaker()
os.register_at_fork(after_in_child=_breaker.reset)


def check_room(app: Celery, queue: str, count_waiting: Count) -> None:
    """Ask if it is time to, and refuse to send to a queue that is full; it is not while the broker does not answer.

    Raises:
        QueueFullError: it is full.
    """
    known = backpressure_of(app)
    if known.must_ask(queue):
        known.note_waiting(queue, _ask(app, queue, count_waiting))
    known.refuse_if_full(queue)


def _ask(app: Celery, queue: str, count_waiting: Count) -> int:
    with app.connection_or_acquire() as connection:
        try:
            return count_waiting(connection, queue)
        except connection.connection_errors:
            return 0  # sending meets the same, and knows better what to do about it


def _send(app: Celery, messages: Sequence[Message], count_waiting: Count) -> None:
    for message in messages:
        check_room(app, message.queue, count_waiting)
        send_by_celery(app, message)


def publish_by_celery(app: Celery, messages: Sequence[Message], count_waiting: Count) -> None:
    """Send messages through Celery and a thread, which may take as long as it likes.

    Args:
        app: the app that sends.
        messages: what to send.
        count_waiting: returns how many tasks wait in a queue.

    Raises:
        BrokerUnavailableError: the broker did not take all of them in time.
    """
    with _breaker.guard():
        within_deadline(lambda: _send(app, messages, count_waiting))


async def publish_by_celery_async(app: Celery, messages: Sequence[Message], count_waiting: Count) -> None:
    """Do the same without blocking the event loop."""
    await within_deadline_async(lambda: _send(app, messages, count_waiting))
