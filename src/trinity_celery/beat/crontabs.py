"""Crontabs that follow the clock of a place, also on the days on which that clock is changed.

In a zone with daylight-saving time Celery's own crontab is an hour late for what the clock skips in spring, and in
autumn an hourly one pauses while the clock shows an hour for the second time.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any, TypeVar

from celery.schedules import crontab

from trinity_celery.config.time_zones import find_zone

MINUTE = timedelta(minutes=1)
EVERY_HOUR = set(range(24))

# What a field of a crontab may be.
Cronspec = str | int | list[int]
Schedule = TypeVar("Schedule")


class ZonedCrontab(crontab):
    """A crontab that means what the clock of its time zone shows.

    If it names hours, it is due once for each time that it names: when the clock shows it for the first time, or, if a
    change of the clock skips it, at the first moment after the change. If its hour is ``*``, it is due whenever the
    clock shows one of its minutes, and so goes on through both changes.

    Attributes:
        minute: the minutes that the field stands for.
        hour: the hours.
        day_of_week: the days of the week; Sunday is 0.
        day_of_month: the days of the month.
        month_of_year: the months.
        tz: the time zone.
        timezone: its name in the IANA database; ``None`` stands for the zone of the Celery app, ``CELERY_TIMEZONE``.
    """

    minute: set[int]
    hour: set[int]
    day_of_week: set[int]
    day_of_month: set[int]
    month_of_year: set[int]
    tz: Any  # a tzinfo; celery-types has a str

    def __init__(
        self,
        minute: Cronspec = "*",
        hour: Cronspec = "*",
        day_of_week: Cronspec = "*",
        day_of_month: Cronspec = "*",
        month_of_year: Cronspec = "*",
        timezone: str | None = None,
        **options: object,
    ) -> None:
        """Take the arguments of Celery's ``crontab`` and a time zone.

        https://docs.celeryq.dev/en/stable/reference/celery.schedules.html#celery.schedules.crontab

        Args:
            minute: a number, numbers, or a text such as ``*/15``.
            hour: the same.
            day_of_week: the same; names of days may be used, too.
            day_of_month: the same.
            month_of_year: the same; names of months may be used, too.
            timezone: a name of the IANA database, such as ``Europe/Berlin``.
            options: other arguments of Celery's ``crontab``.

        Raises:
            ValueError: there is no such time zone, or a field does not fit.
        """
        super().__init__(minute, hour, day_of_week, day_of_month, month_of_year, **options)
        self.timezone = timezone
        if timezone is not None:
            self.tz = find_zone(timezone)
        self._times = sorted(time(hour, minute) for hour in self.hour for minute in self.minute)

    def __repr__(self) -> str:
        return f"{super().__repr__().removesuffix('>')} {self.timezone or self.tz}>"

    def __reduce__(self) -> tuple[object, ...]:
        reduced = super().__reduce__()
        assert isinstance(reduced, tuple)
        made_by, fields, options = reduced
        return made_by, (*fields, self.timezone), options

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZonedCrontab) and self.timezone == other.timezone and super().__eq__(other) is True

    __hash__ = None  # type: ignore[assignment]  # as in Celery's own

    def next_after(self, moment: datetime) -> datetime:
        """Return the first moment later than ``moment`` at which this crontab is due, in UTC.

        Args:
            moment: in UTC.
        """
        if self.hour == EVERY_HOUR:
            return self._next_of_every_hour(moment)
        shown = moment.astimezone(self.tz).replace(tzinfo=None)
        while True:
            shown = self._next_shown(shown)
            due = self._first_moment_of(shown)
            if due > moment:
                return due

    def remaining_delta(
        self, last_run_at: datetime, tz: object = None, ffwd: object = None
    ) -> tuple[datetime, timedelta, datetime]:
        """Return the last run, the time from there until the next one, and now: what Celery calculates with.

        Args:
            last_run_at: when it ran for the last time.
            tz: not used; Celery's own has it.
            ffwd: not used; Celery's own has it.
        """
        last = self.maybe_make_aware(last_run_at).astimezone(UTC)
        return last, self.next_after(last) - last, self.maybe_make_aware(self.now()).astimezone(UTC)

    def _next_of_every_hour(self, moment: datetime) -> datetime:
        start = moment.replace(second=0, microsecond=0)
        offset = self._offset(start)
        while True:
            # As if the clock were not changed meanwhile; else look again from the change on.
            due = (self._next_shown((start + offset).replace(tzinfo=None)) - offset).replace(tzinfo=UTC)
            if self._offset(due) == offset:
                return due
            change = self._first_change(offset, start, due)
            start, offset = change - MINUTE, self._offset(change)

    def _next_shown(self, shown: datetime) -> datetime:
        """Return the next time after ``shown`` that the fields match, both without a zone."""
        for days in count():
            day = shown.date() + timedelta(days)
            is_matched = day.month in self.month_of_year and day.day in self.day_of_month
            if is_matched and day.isoweekday() % 7 in self.day_of_week:
                index = 0 if days else bisect_right(self._times, shown.time())
                if index < len(self._times):
                    return datetime.combine(day, self._times[index])
        raise AssertionError("unreachable")

    def _first_moment_of(self, shown: datetime) -> datetime:
        """Return when the clock shows this for the first time, or the first moment after the change that skips it."""
        first, second = (shown.replace(tzinfo=self.tz, fold=fold).astimezone(UTC) for fold in (0, 1))
        # https://peps.python.org/pep-0495/#mind-the-gap
        return first if first <= second else self._first_change(self._offset(second), second, first)

    def _first_change(self, offset: timedelta, start: datetime, end: datetime) -> datetime:
        """Return the first minute after ``start``, up to ``end``, at which the zone's offset is not ``offset``."""
        minutes = range(1, (end - start) // MINUTE + 1)
        index = bisect_left(minutes, True, key=lambda minute: self._offset(start + minute * MINUTE) != offset)
        return start + minutes[index] * MINUTE

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.tz).utcoffset() or timedelta()


def zoned(schedule: Schedule, timezone: str | None = None) -> Schedule | ZonedCrontab:
    """Return a crontab of Celery's as one of ``timezone``, and any other schedule as it is."""
    if not isinstance(schedule, crontab) or isinstance(schedule, ZonedCrontab):
        return schedule
    reduced = schedule.__reduce__()
    assert isinstance(reduced, tuple)
    minute, hour, day_of_week, day_of_month, month_of_year = reduced[1][:5]
    return ZonedCrontab(minute, hour, day_of_week, day_of_month, month_of_year, timezone)
