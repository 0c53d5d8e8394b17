"""Periodic tasks that code adds to the database's schedule, next to those that people add in the admin.

Call this from a management command or from ``post_migrate``. In ``AppConfig.ready`` it would write to the database
whenever anything is imported, before the tables exist.
"""

from typing import Any

from celery import Celery
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from trinity_celery.config import runtime_of
from trinity_celery.contracts.sending import sending_app


def register_periodic_task(
    *,
    name: str,
    task_path: str,
    every: int,
    period: str = IntervalSchedule.MINUTES,
    enabled: bool | None = None,
    app: Celery | None = None,
) -> PeriodicTask:
    """Add or update the periodic task called ``name``. Doing it twice changes nothing.

    Args:
        name: identifies the row; rows of other names are left alone.
        task_path: the task's registered name.
        every: how many of ``period``.
        period: one of ``IntervalSchedule``'s periods.
        enabled: ``None`` keeps what somebody chose in the admin; a new task is enabled.
        app: whose project routes the task; by default this process's.

    Raises:
        LookupError: no route matches the task, so no worker would ever run it, or the project has no beat.
    """
    runtime = runtime_of(app or sending_app())
    if runtime.beat_settings is None:
        raise LookupError(f"the project {runtime.project.name!r} has no beat")
    queue = runtime.project.queue_of_task(task_path)
    if queue is None:
        raise LookupError(f"no route matches the task {task_path!r}")
    interval, _ = IntervalSchedule.objects.get_or_create(every=every, period=period)
    values: dict[str, Any] = {
        "task": task_path,
        "interval": interval,
        "crontab": None,
        "queue": runtime.beat_settings.beat_queue(queue),
    }
    if enabled is not None:
        values["enabled"] = enabled
    task, _ = PeriodicTask.objects.update_or_create(name=name, defaults=values)
    return task
