"""The periodic tasks that come with the code. Every scheduler reads this table; none of them owns it.

To add one, add an ``Entry``. It goes to the beat queue of the task's own queue, where that queue's worker listens.
"""

from dataclasses import dataclass
from typing import Any

from celery.schedules import crontab

from shared.beat_settings import BeatSettings
from shared.environment import load
from shared.layout import queue_of_task


@dataclass(frozen=True)
class Entry:
    """A task that beat sends, without arguments.

    Attributes:
        name: identifies the entry in the scheduler's store: renaming it makes a second entry.
        task: the task's registered name.
        schedule: seconds between two runs, or a crontab in UTC.
        expires: seconds after which a run that no worker took is dropped, so that a backlog does not pile up.
    """

    name: str
    task: str
    schedule: float | crontab
    expires: float


def entries(settings: BeatSettings) -> list[Entry]:
    """Return the schedule."""
    tick = settings.schedule_tick_seconds
    return [
        # jinja: if cookiecutter.use_django
        Entry("refresh-report-statistics", "backend.platform.tasks.refresh_statistics", tick, expires=tick),
        Entry("purge-old-reports", "backend.platform.tasks.purge_old_reports", crontab("0", "*/3"), expires=3600),
        Entry("relay-backend-outbox", "backend.delivery.tasks.relay_outbox", tick, expires=tick),
        Entry("purge-backend-keys", "backend.delivery.tasks.purge_keys", crontab("0", "3"), expires=3600),
        # jinja: endif
        # jinja: if cookiecutter.use_fastapi
        Entry("refresh-score-statistics", "app.atom.tasks.refresh_statistics", tick, expires=tick),
        Entry("reset-score-statistics", "app.atom.tasks.reset_statistics", crontab("0", "3"), expires=3600),
        Entry("relay-app-outbox", "app.delivery.tasks.relay_outbox", tick, expires=tick),
        Entry("purge-app-keys", "app.delivery.tasks.purge_keys", crontab("0", "3"), expires=3600),
        # jinja: endif
    ]


def celery_beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the schedule in the form of Celery's ``beat_schedule``."""
    settings = load(BeatSettings)
    schedule = {}
    for entry in entries(settings):
        queue = queue_of_task(entry.task)
        if queue is None:
            raise LookupError(f"schedule entry {entry.name!r}: no route matches the task {entry.task!r}")
        options = {"queue": settings.beat_queue(queue), "expires": entry.expires}
        schedule[entry.name] = {"task": entry.task, "schedule": entry.schedule, "options": options}
    return schedule
