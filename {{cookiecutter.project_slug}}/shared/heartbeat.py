"""A sign of life for health checks: a file that says until when its process is well, and what it was doing.

The file's modification time is the moment until which the heartbeat is good. The loop that does the work writes it,
not a thread beside it: when the loop is stuck, the heartbeat stops. ``shared.healthcheck`` reads the file.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.signals import task_prerun
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from kombu import Connection
from pydantic_settings import BaseSettings

from shared.environment import MODEL_CONFIG, load
from shared.refusals import describe_refusal
from shared.settings import CelerySettings

INTERVAL = 5  # seconds between two heartbeats
GOOD_FOR = 20  # seconds: more than one heartbeat may be late before somebody worries
PATIENCE = 60  # seconds between two attempts to reach the broker: a pause, and what an attempt may take

# Seconds between attempts to reach the broker. Celery's own pauses grow to 30 s, and tasks wait all the while.
PAUSES: dict[str, Any] = {"interval_start": 1, "interval_step": 1, "interval_max": 5}

WORKING = "working"
WAITING = "waiting for the broker"

logger = get_logger(__name__)


class HeartbeatSettings(BaseSettings):
    """What the environment decides about heartbeats."""

    model_config = MODEL_CONFIG

    heartbeat_file: Path | None = None  # where a process without an address says that it is well; empty: nowhere


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


@cache
def heartbeat() -> Heartbeat:
    """Return this process's heartbeat; raise ``SystemExit`` if its settings are wrong."""
    return Heartbeat(load(HeartbeatSettings).heartbeat_file)


@contextmanager
def ending_if_refused() -> Iterator[None]:
    """Say it in one line if the broker refuses what the URL says, which Celery would try again for ever.

    Raises:
        SystemExit: the broker refuses.
    """
    try:
        yield
    except Exception as error:
        settings = load(CelerySettings)
        if refusal := describe_refusal(settings.broker_variable, settings.broker_url, error):
            logger.error(refusal)
            raise SystemExit(1) from None
        raise


def report_waiting(connection: Connection) -> Connection:
    """Let each attempt of ``connection`` to reach the broker write a heartbeat first, and return ``connection``.

    While the broker is away, Celery tries again and again wherever it stands: its loop and its timers stand still.
    """
    establish = connection._establish_connection

    def attempt() -> Any:
        heartbeat().write(WAITING, PATIENCE)
        with ending_if_refused():
            return establish()

    connection._establish_connection = attempt  # type: ignore[method-assign]
    connection.ensure_connection = partial(connection.ensure_connection, **PAUSES)  # type: ignore[method-assign]
    return connection


class WaitingConsumer(Consumer):
    """Celery's consumer, which also says that it waits while its broker is away."""

    def start(self) -> None:
        """Consume until the worker stops.

        Raises:
            SystemExit: the broker refuses what the URL says.
        """
        with ending_if_refused():
            super().start()

    def ensure_connected(self, conn: Any) -> Connection:
        """Return ``conn`` when it is connected."""
        # The loop itself only sends events here. Waiting for their confirmations, it would stand still while the
        # broker takes no messages.
        conn.transport_options.pop("confirm_publish", None)
        return super().ensure_connected(report_waiting(conn))

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give up a lost connection; each of its sockets may take until its timeout to close."""
        heartbeat().write(WAITING, PATIENCE)
        super().on_connection_error_after_connected(exc)


class HeartbeatStep(bootsteps.StartStopStep):
    """Writes heartbeats from the worker's own loop.

    Started before the consumer, since Celery cancels what is on the timer later when the connection is lost.
    """

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        """Begin."""
        if parent.pool_cls.__module__ == "celery.concurrency.solo":
            task_prerun.connect(say_what_runs)
        self.write(parent)
        parent.timer.call_after(0, self.write, (parent,))  # as soon as the loop turns
        parent.timer.call_repeatedly(INTERVAL, self.write, (parent,))

    def write(self, worker: Any) -> None:
        """Write one heartbeat."""
        heartbeat().write(WORKING if worker.consumer.connection else WAITING)


def say_what_runs(task: Any, **_: Any) -> None:
    """Write a heartbeat that is good until ``task`` must have ended: in the solo pool, it blocks the loop."""
    limit = (task.request.timelimit or (None,))[0] or task.time_limit
    heartbeat().write(f"running {task.name}", limit + GOOD_FOR)
