"""Periodic tasks that come with the code. Every scheduler reads the same table; none of them owns it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from celery import Celery
from celery.schedules import crontab

from trinity_celery.beat.crontabs import zoned
from trinity_celery.config.beat_settings import BeatSettings
from trinity_celery.config.project import Project
from trinity_celery.config.runtime import runtime_of
from trinity_celery.config.settings import Configuration
from trinity_celery.config.time_zones import find_zone


@dataclass(frozen=True)
class Entry:
    """A task that beat sends, without arguments.

    Attributes:
        name: identifies the entry in the scheduler's store: renaming it makes a second entry.
        task: the task's registered name.
        schedule: seconds between two runs, or a crontab.
        expires: seconds after which a run that no worker took is dropped, so that a backlog does not pile up.
        timezone: whose clock the crontab follows, as the IANA database calls it; by default ``CELERY_TIMEZONE``.

    Raises:
        SystemExit: the time zone does not exist, or means nothing for this schedule.
    """

    name: str
    task: str
    schedule: float | crontab
    expires: float
    timezone: str | None = None

    def __post_init__(self) -> None:
        """Refuse a clock that does not exist, or that means nothing."""
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


Entries = Callable[[BeatSettings], Sequence[Entry]]


def celery_beat_schedule(project: Project, settings: BeatSettings, entries: Entries) -> dict[str, Configuration]:
    """Return the schedule in the form of Celery's ``beat_schedule``.

    Args:
        project: whose tasks these are.
        settings: about beat.
        entries: returns the periodic tasks that come with the code.

    Raises:
        LookupError: no worker would run the task of an entry, or two entries have the same name.
    """
    schedule: dict[str, Configuration] = {}
    for entry in entries(settings):
        queue = project.queue_of_task(entry.task)
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
    runtime, found = runtime_of(app), app.conf.beat_schedule
    for name in found:
        if found[name] != runtime.beat_schedule.get(name):
            raise SystemExit(
                f"error: schedule entry {name!r}: beat_schedule was set in Celery's configuration, which is made from "
                f"the table in {runtime.schedule_module}: write an Entry there instead"
            )
