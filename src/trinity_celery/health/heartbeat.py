"""A sign of life for health checks: a file that says until when its process is well, and what it was doing.

The file's modification time is the moment until which the heartbeat is good. The loop that does the work writes it,
not a thread beside it: when the loop is stuck, the heartbeat stops. ``trinity_celery.health.probe`` reads the file.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from celery import Celery
from celery.utils.log import get_logger
from kombu import Connection

from trinity_celery._compat.kombu import Pauses, intercept_connecting
from trinity_celery.config.runtime import runtime_of
from trinity_celery.health.refusals import describe_refusal

INTERVAL = 5  # seconds between two heartbeats
GOOD_FOR = 20  # seconds: more than one heartbeat may be late before somebody worries
PATIENCE = 60  # seconds between two attempts to reach the broker: a pause, and what an attempt may take

# Seconds between attempts to reach the broker. Celery's own pauses grow to 30 s, and tasks wait all the while.
PAUSES: Pauses = {"interval_start": 1, "interval_step": 1, "interval_max": 5}

WORKING = "working"
WAITING = "waiting for the broker"

logger = get_logger(__name__)


class Heartbeat:
    """Writes the file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._failed = False

    def write(self, doing: str, good_for: float = GOOD_FOR) -> None:
        """Say what this process is doing, and that nobody need worry for ``good_for`` seconds.

        Never raises ``OSError``: a full disk must not stop the loop, which takes it for a lost connection.
        """
        if self._file is None:
            return
        until = time.time() + good_for
        new = self._file.with_name(f"{self._file.name}.new")
        try:
            new.write_text(f"{doing}\n")
            os.utime(new, (until, until))
            new.replace(self._file)
        except OSError as error:
            if not self._failed:
                logger.error("HEARTBEAT_FILE: no heartbeat can be written, so health checks will fail: %s", error)
            self._failed = True
        else:
            self._failed = False


_heartbeats: WeakKeyDictionary[Celery, Heartbeat] = WeakKeyDictionary()


def heartbeat_of(app: Celery) -> Heartbeat:
    """Return the heartbeat of the process that runs ``app``."""
    if app not in _heartbeats:
        _heartbeats[app] = Heartbeat(runtime_of(app).settings.heartbeat_file)
    return _heartbeats[app]


@contextmanager
def ending_if_refused(app: Celery) -> Iterator[None]:
    """Say it in one line if the broker refuses what the URL says, which Celery would try again for ever.

    Raises:
        SystemExit: the broker refuses.
    """
    try:
        yield
    except Exception as error:
        settings = runtime_of(app).settings
        if refusal := describe_refusal(settings.broker_variable, settings.broker_url, error):
            logger.error(refusal)
            raise SystemExit(1) from None
        raise


def report_waiting(app: Celery, connection: Connection) -> Connection:
    """Let each attempt of ``connection`` to reach the broker write a heartbeat first, and return ``connection``.

    While the broker is away, Celery tries again and again wherever it stands: its loop and its timers stand still.
    """

    def attempt(establish: Callable[[], object]) -> object:
        heartbeat_of(app).write(WAITING, PATIENCE)
        with ending_if_refused(app):
            return establish()

    intercept_connecting(connection, attempt, PAUSES)
    return connection
