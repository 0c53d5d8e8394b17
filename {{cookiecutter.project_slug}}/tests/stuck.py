"""A worker whose way of ending gets stuck, for tests that stop it; it comes with a task that takes its time."""

import time

from celery.concurrency.prefork import TaskPool

from tests.sleeping import nap

__all__ = ["nap"]


def stop_never(_: TaskPool) -> None:
    """Wait, as Celery does when it is asked to stop while it hands a task to a child."""
    time.sleep(600)


setattr(TaskPool, "on_stop", stop_never)  # noqa: B010
setattr(TaskPool, "on_terminate", stop_never)  # noqa: B010
