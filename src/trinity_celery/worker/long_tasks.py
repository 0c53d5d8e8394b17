"""A worker refuses to start with a task that the broker would hand out again while it still runs."""

from celery import Celery

from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.settings import CelerySettings


def refuse_long_tasks(app: Celery, settings: CelerySettings) -> None:
    """Check the limit that a task's decorator sets; the settings check the one that holds for the others.

    Raises:
        SystemExit: a task may run for too long.
    """
    redelivery = find_broker(settings.broker_url).redelivery(settings)
    if redelivery is None:
        return
    seconds, why = redelivery
    for task in app.tasks.values():
        if (task.time_limit or 0) >= seconds:
            raise SystemExit(f"error: {task.name}: its time_limit of {task.time_limit} s is too long: {why}")
