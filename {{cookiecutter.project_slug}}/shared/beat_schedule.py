"""The periodic tasks that come with the code. Every scheduler reads this table; none of them owns it.

To add one, add an ``Entry``. It goes to the beat queue of the task's own queue, where that queue's worker listens.
"""

from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import celeryd_init

from shared.beat_settings import BeatSettings
from shared.crontabs import find_zone, zoned
from shared.environment import load
from shared.layout import queue_of_task


@dataclass(frozen=True)
class Entry:
    """A task that beat sends, without arguments.

    Attributes:
        name: identifies the entry in the scheduler's store: renaming it makes a second entry.
        task: the task's registered name.
        schedule: seconds between two runs, or a crontab.
        expires: seconds after which a run that no worker took is dropped, so that a backlog does not pile up.
        timezone: whose clock the crontab follows, as the IANA database calls it; by default ``CELERY_TIMEZONE``.
    """

    name: str
    task: str
    schedule: float | crontab
    expires: float
    timezone: str | None = None

    def __post_init__(self) -> None:
        """Refuse a clock that does not exist, or that means nothing.

        Raises:
            SystemExit: the entry has one.
        """
        if problem := self._find_problem():
            raise SystemExit(f"error: schedule entry {self.name!r}: {problem}")

    def _find_problem(self) -> str | None:
        if getattr(self.schedule, "nowfun", None):
            return "nowfun: is not heeded: name the time zone, as in timezone='Europe/Berlin'"
        if self.timezone is None:
            return None
        if not isinstance(self.schedule, crontab):
            return "timezone: is for a crontab, not for seconds"
        try:
            find_zone(self.timezone)
        except ValueError as error:
            return f"timezone: {error}"
        return None


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
        if entry.name in schedule:
            raise LookupError(f"schedule entry {entry.name!r}: another one has this name, and only one would be kept")
        options = {"queue": settings.beat_queue(queue), "expires": entry.expires}
        times = zoned(entry.schedule, entry.timezone)
        schedule[entry.name] = {"task": entry.task, "schedule": times, "options": options}
    return schedule


def refuse_other_schedules(app: Celery) -> None:
    """Let no process start with a schedule that somebody has put into the configuration of ``app``.

    Beat has the app of one service, and sends what it finds there without the queue and the expiry of an ``Entry``.

    Raises:
        SystemExit: there is one.
    """
    table, found = celery_beat_schedule(), app.conf.beat_schedule
    for name in found:
        if found[name] != table.get(name):
            raise SystemExit(
                f"error: schedule entry {name!r}: beat_schedule was set in Celery's configuration, which is made from "
                "the table in shared/beat_schedule.py: write an Entry there instead"
            )


@celeryd_init.connect
def check_schedule_of_worker(instance: Any, **_: Any) -> None:
    """Look at the app of each worker, as beat does at its own."""
    refuse_other_schedules(instance.app)
