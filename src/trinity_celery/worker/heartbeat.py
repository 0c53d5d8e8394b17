"""The heartbeat of a worker: its own loop writes it. What a heartbeat is, ``trinity_celery.health.heartbeat`` says."""

from typing import Any

from celery import bootsteps
from celery.signals import task_prerun
from celery.worker.consumer import Consumer
from kombu import Connection

from trinity_celery._compat.celery import Worker
from trinity_celery.health.heartbeat import (
    GOOD_FOR,
    INTERVAL,
    PATIENCE,
    WAITING,
    WORKING,
    ending_if_refused,
    heartbeat_of,
    report_waiting,
)


class WaitingConsumer(Consumer):
    """Celery's consumer, which also says that it waits while its broker is away."""

    def start(self) -> None:
        """Consume until the worker stops.

        Raises:
            SystemExit: the broker refuses what the URL says.
        """
        with ending_if_refused(self.app):
            super().start()

    def ensure_connected(self, conn: Connection) -> Connection:
        """Return ``conn`` when it is connected."""
        # The loop itself only sends events here. Waiting for their confirmations, it would stand still while the
        # broker takes no messages.
        (conn.transport_options or {}).pop("confirm_publish", None)
        return super().ensure_connected(report_waiting(self.app, conn))

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give up a lost connection; each of its sockets may take until its timeout to close."""
        heartbeat_of(self.app).write(WAITING, PATIENCE)
        super().on_connection_error_after_connected(exc)


class HeartbeatStep(bootsteps.StartStopStep):
    """Writes heartbeats from the worker's own loop.

    Started before the consumer, since Celery cancels what is on the timer later when the connection is lost.
    """

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Worker) -> None:
        """Begin."""
        if parent.pool_cls.__module__ == "celery.concurrency.solo":
            task_prerun.connect(say_what_runs)
        self.write(parent)
        parent.timer.call_after(0, self.write, (parent,))  # as soon as the loop turns
        parent.timer.call_repeatedly(INTERVAL, self.write, (parent,))

    def write(self, worker: Worker) -> None:
        """Write one heartbeat."""
        heartbeat_of(worker.app).write(WORKING if worker.consumer.connection else WAITING)


def say_what_runs(task: Any, **_: object) -> None:
    """Write a heartbeat that is good until ``task`` must have ended: in the solo pool, it blocks the loop."""
    limit = (task.request.timelimit or (None,))[0] or task.time_limit
    heartbeat_of(task.app).write(f"running {task.name}", limit + GOOD_FOR)
