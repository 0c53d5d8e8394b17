"""How many tasks wait in a queue, so that services stop adding to a list that only grows.

Asked once a second at most for each queue and process, so a burst may pass the limit by what it sends in a second.
Tasks that a worker holds already, running or delayed, are not counted: they wait for no one.
"""

from functools import cache
from time import monotonic
from typing import Any

from celery import Celery
from kombu import Connection

from shared.deadline import BrokerUnavailableError
from shared.environment import load
from shared.settings import CelerySettings

FRESH = 1.0  # seconds

_known: dict[tuple[str, str], tuple[float, int]] = {}  # by the broker's URL and queue: when it was asked, the answer


class QueueFullError(BrokerUnavailableError):
    """So many tasks wait in the queue that the sender had better come back later."""


@cache
def queue_limit() -> int:
    """Return the number of waiting tasks from which on services refuse more; 0 for no limit."""
    return load(CelerySettings).celery_queue_limit


def must_ask(broker: str, queue: str) -> bool:
    """Return whether it is time to ask how many tasks wait in ``queue``; then whoever called asks, and no other."""
    if not queue_limit():
        return False
    asked, waiting = _known.get((broker, queue), (-FRESH, 0))
    now = monotonic()
    if now - asked < FRESH:
        return False
    _known[broker, queue] = (now, waiting)  # what others go by meanwhile
    return True


def note_waiting(broker: str, queue: str, waiting: int) -> None:
    """Note the answer."""
    _known[broker, queue] = (monotonic(), waiting)


def refuse_if_full(broker: str, queue: str) -> None:
    """Refuse to send to a queue that is full, as of a moment ago.

    Raises:
        QueueFullError: it holds ``queue_limit()`` tasks or more.
    """
    limit = queue_limit()
    if limit and _known.get((broker, queue), (0.0, 0))[1] >= limit:
        raise QueueFullError(f"{queue} holds {limit} tasks or more already (CELERY_QUEUE_LIMIT)")


def check_room(app: Celery, queue: str) -> None:
    """Ask if it is time to, and refuse to send to a queue that is full; it is not while the broker does not answer.

    Raises:
        QueueFullError: it holds ``queue_limit()`` tasks or more.
    """
    broker = str(app.conf.broker_url)
    if must_ask(broker, queue):
        note_waiting(broker, queue, _ask(app, queue))
    refuse_if_full(broker, queue)


def _ask(app: Celery, queue: str) -> int:
    with app.connection_or_acquire() as connection:
        try:
            return count_waiting(connection, queue)
        except connection.connection_errors:
            return 0  # sending meets the same, and knows better what to do about it


def count_waiting(connection: Connection, queue: str) -> int:
    """Return how many tasks wait in ``queue`` now; raise whatever the broker's client raises."""
    connection.connect()  # a pool also gives out connections that were closed after an error
    # A channel of its own: a broker may close the one on which somebody asked for a queue that is not there.
    channel: Any = connection.channel()
    try:
        # Where kombu itself keeps the queues it finds none if their keys have a prefix, but counts right.
        count = getattr(channel, "_size", None)
        return int(count(queue) if count else channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        return 0  # nothing was ever sent there
    finally:
        channel.close()
