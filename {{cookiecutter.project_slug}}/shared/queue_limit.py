"""How many tasks wait in a queue, so that services stop adding to a list that only grows.

Asked once a second at most for each queue and process, so a burst may pass the limit by what it sends in a second.
Tasks that a worker holds already, running or delayed, are not counted: they wait for no one.
"""

from functools import cache
from time import monotonic
from typing import Any

from celery import Celery
from kombu import Connection

from shared.environment import load
from shared.settings import CelerySettings

FRESH = 1.0  # seconds

_known: dict[tuple[str, str], tuple[float, int]] = {}  # by broker and queue: when it was asked, and the answer


@cache
def queue_limit() -> int:
    """Return the number of waiting tasks from which on services refuse more; 0 for no limit."""
    return load(CelerySettings).celery_queue_limit


def waiting_tasks(app: Celery, queue: str) -> int:
    """Return how many tasks wait in ``queue``, as of a moment ago; 0 while the broker does not answer."""
    key = (str(app.conf.broker_url), queue)
    asked, waiting = _known.get(key, (-FRESH, 0))
    now = monotonic()
    if now - asked >= FRESH:
        _known[key] = (now, waiting)  # what other threads go by meanwhile
        waiting = _ask(app, queue)
        _known[key] = (now, waiting)
    return waiting


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
