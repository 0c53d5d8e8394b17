"""A worker whose way of ending gets stuck, for tests that stop it."""

import time

from celery.concurrency.prefork import TaskPool


def stop_never(_: TaskPool) -> None:
    """Wait, as Celery does now and then when it is asked to stop under full load."""
    time.sleep(600)


setattr(TaskPool, "on_stop", stop_never)  # noqa: B010
setattr(TaskPool, "on_terminate", stop_never)  # noqa: B010
