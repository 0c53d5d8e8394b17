"""How many tasks wait in a queue, so that services stop adding to a list that only grows.

Asked once a second at most for each queue and process, so a burst may pass the limit by what it sends in a second.
Tasks that a worker holds already, running or delayed, are not counted: they wait for no one.
"""

from time import monotonic

from celery import Celery

from trinity_celery.config.runtime import runtime_of
from trinity_celery.errors import QueueFullError
from trinity_celery.messages.envelope import sending_config

FRESH = 1.0  # seconds


class Backpressure:
    """What a process knows about the queues of one broker.

    Args:
        limit: the number of waiting tasks from which on senders are refused; 0 for no limit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: dict[str, tuple[float, int]] = {}  # by queue: when it was asked, and the answer

    def must_ask(self, queue: str) -> bool:
        """Return whether to ask how many tasks wait in ``queue``. Only one caller a second is told so."""
        if not self.limit:
            return False
        asked, waiting = self._known.get(queue, (-FRESH, 0))
        now = monotonic()
        if now - asked < FRESH:
            return False
        self._known[queue] = (now, waiting)  # what others go by meanwhile
        return True

    def note_waiting(self, queue: str, waiting: int) -> None:
        """Note the answer."""
        self._known[queue] = (monotonic(), waiting)

    def refuse_if_full(self, queue: str) -> None:
        """Refuse to send to a queue that is full, as of a moment ago.

        Raises:
            QueueFullError: as many tasks wait in it as the limit says, or more.
        """
        if self.limit and self._known.get(queue, (0.0, 0))[1] >= self.limit:
            raise QueueFullError(f"{queue} holds {self.limit} tasks or more already (CELERY_QUEUE_LIMIT)")


_of_brokers: dict[str, Backpressure] = {}


def backpressure_of(app: Celery) -> Backpressure:
    """Return what this process knows about the queues of the broker of ``app``."""
    broker = sending_config(app).broker_url
    found = _of_brokers.get(broker)
    if found is None:
        limit = runtime_of(app).settings.celery_queue_limit
        found = _of_brokers.setdefault(broker, Backpressure(limit))
    return found
