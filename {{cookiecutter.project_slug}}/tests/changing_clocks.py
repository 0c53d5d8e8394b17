"""Days on which clocks are changed, and what is due on them, minute by minute."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import time_machine
from trinity_celery.beat import ZonedCrontab

MINUTE = timedelta(minutes=1)
EVERY_HOUR = set(range(24))

# Zones, with moments some hours before their clocks are changed; the last one's never are.
DAYS: list[tuple[str, datetime]] = [
    ("Europe/Berlin", datetime(2026, 3, 28, 22, 50, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 21, 50, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 4, 50, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 3, 50, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 12, 50, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 12, 50, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 3, 28, 17, 50, tzinfo=UTC)),
]
CRONTABS = [("30", "2"), ("*/15", "*"), ("20,50", "1-3"), ("0", "3")]


def due(crontab: ZonedCrontab, start: datetime, minutes: int) -> list[datetime]:
    """Return when ``crontab`` is due within so many minutes after ``start``, from looking at the clock each minute."""
    found, before = [], start.astimezone(crontab.tz)
    for number in range(1, minutes + 1):
        now = (start + number * MINUTE).astimezone(crontab.tz)
        skipped = now.replace(tzinfo=None) - before.replace(tzinfo=None) - MINUTE
        shown = [now.replace(tzinfo=None)] if crontab.hour == EVERY_HOUR or not now.fold else []
        if crontab.hour != EVERY_HOUR:
            shown += [now.replace(tzinfo=None) - each * MINUTE for each in range(1, skipped // MINUTE + 1)]
        if any(_matches(crontab, each) for each in shown):
            found.append(now.astimezone(UTC))
        before = now
    return found


def _matches(crontab: ZonedCrontab, shown: datetime) -> bool:
    return (
        shown.minute in crontab.minute
        and shown.hour in crontab.hour
        and shown.day in crontab.day_of_month
        and shown.month in crontab.month_of_year
        and shown.isoweekday() % 7 in crontab.day_of_week
    )


def check_moments(add: Callable[[ZonedCrontab], Any], keep: Callable[[Any], Any]) -> None:
    """Let a scheduler's own entries fire on each of the days, and compare the moments.

    Args:
        add: puts an entry into the scheduler's store, and returns it as it is read from there.
        keep: does the same with an entry that has fired.
    """
    for zone, start in DAYS:
        entries = {}
        with time_machine.travel(start, tick=False) as clock:
            for fields in CRONTABS:
                entries[fields] = add(ZonedCrontab(*fields, timezone=zone))
            fired: dict[tuple[str, str], list[datetime]] = {fields: [] for fields in entries}
            for minute in range(1, 7 * 60):
                clock.move_to(start + minute * MINUTE)
                for fields, entry in entries.items():
                    if entry.is_due()[0]:
                        fired[fields].append(datetime.now(UTC))
                        entries[fields] = keep(next(entry))
        for fields, moments in fired.items():
            found = shown(moments, zone)
            expected = shown(due(ZonedCrontab(*fields, timezone=zone), start, 7 * 60 - 1), zone)
            assert found == expected, f"{fields} in {zone}: {found} instead of {expected}"


def shown(moments: Iterable[datetime], zone: str) -> list[str]:
    """Return what the zone's clock shows at these moments, with its distance from UTC."""
    return [moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z") for moment in moments]
