"""Crontabs follow the clock of their time zone, also on the days on which it is changed."""

import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from celery import Celery
from celery.schedules import crontab
from hypothesis import given, settings
from hypothesis import strategies as st
from trinity_celery.beat import Entry, ZonedCrontab
from trinity_celery.beat.crontabs import zoned
from trinity_celery.config import BeatSettings, load, load_runtime
from trinity_celery.worker import celery_configuration

from shared.queues import PROJECT
from tests.changing_clocks import DAYS, MINUTE, due, shown

SPRING, AUTUMN = (start for _, start in DAYS[:2])  # in Berlin
LORD_HOWE = [start for zone, start in DAYS if zone == "Australia/Lord_Howe"]


def moments(crontab: ZonedCrontab, start: datetime, minutes: int) -> list[datetime]:
    found, end = [], start + minutes * MINUTE
    while (start := crontab.next_after(start)) <= end:
        found.append(start)
    return found


@pytest.mark.parametrize(
    ("zone", "start", "fields", "expected"),
    [
        ("Europe/Berlin", SPRING, ("30", "2"), ["03-29 03:00+0200"]),
        ("Europe/Berlin", AUTUMN, ("30", "2"), ["10-25 02:30+0200"]),
        ("Europe/Berlin", SPRING, ("*/20", "2"), ["03-29 03:00+0200"]),
        (
            "Europe/Berlin",
            SPRING,
            ("30", "*"),
            [f"03-29 0{hour}" for hour in ("0:30+0100", "1:30+0100", "3:30+0200", "4:30+0200")],
        ),
        (
            "Europe/Berlin",
            AUTUMN,
            ("0", "*"),
            [f"10-25 0{hour}" for hour in ("0:00+0200", "1:00+0200", "2:00+0200", "2:00+0100", "3:00+0100")],
        ),
        ("Australia/Lord_Howe", LORD_HOWE[0], ("15", "2"), ["10-04 02:30+1100"]),
        ("Australia/Lord_Howe", LORD_HOWE[1], ("45", "1"), ["04-05 01:45+1100"]),
        ("America/Santiago", datetime(2026, 9, 6, 2, tzinfo=UTC), ("0", "0"), ["09-06 01:00-0300"]),
        ("Asia/Kathmandu", DAYS[-1][1], ("15", "*/2"), ["03-29 00:15+0545", "03-29 02:15+0545"]),
    ],
)
def test_time_that_the_clock_skips_or_repeats_is_due_once(
    zone: str, start: datetime, fields: tuple[str, str], expected: list[str]
) -> None:
    assert shown(moments(ZonedCrontab(*fields, timezone=zone), start, 260), zone) == expected


def field(first: int, last: int) -> st.SearchStrategy[str]:
    some = st.lists(st.integers(first, last), min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers)))
    return st.one_of(st.just("*"), st.just("*/5"), some)


@settings(max_examples=60)
@given(
    st.sampled_from([*DAYS, ("America/Santiago", datetime(2026, 9, 6, 0, tzinfo=UTC))]),
    st.integers(0, 59),
    st.tuples(field(0, 59), field(0, 4), field(0, 6), st.sampled_from(["*", "1-31/2", "4,5,8"])),
)
def test_it_is_due_exactly_when_somebody_who_watches_the_clock_says_so(
    day: tuple[str, datetime], seconds: int, fields: tuple[str, str, str, str]
) -> None:
    zone, start = day
    crontab = ZonedCrontab(*fields, timezone=zone)
    assert moments(crontab, start + timedelta(seconds=seconds), 420) == due(crontab, start, 420)


@pytest.mark.parametrize(("late", "is_due"), [(299, True), (301, False)])
def test_beat_that_is_late_counts_from_the_end_of_the_gap(late: int, is_due: bool) -> None:
    app = Celery("late", set_as_current=False)
    app.conf.update(celery_configuration(load_runtime(PROJECT), PROJECT.services[0]))
    schedule = ZonedCrontab("5", "2", timezone="Europe/Berlin", app=app)
    end_of_gap = datetime(2026, 3, 29, 1, tzinfo=UTC)
    with time_machine.travel(end_of_gap + timedelta(seconds=late), tick=False):
        assert schedule.is_due(SPRING)[0] is is_due


def test_it_follows_the_clock_of_the_project_unless_it_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_TIMEZONE", "America/New_York")
    app = Celery("elsewhere", set_as_current=False)
    app.conf.update(celery_configuration(load_runtime(PROJECT), PROJECT.services[0]))
    for schedule, zone in (
        (zoned(crontab("30", "2")), "America/New_York"),
        (zoned(crontab("30", "2"), "Asia/Kathmandu"), "Asia/Kathmandu"),
    ):
        for copy in (schedule, pickle.loads(pickle.dumps(schedule))):
            copy.app = app
            assert (copy, copy.tz) == (schedule, ZoneInfo(zone))
        assert zone in repr(schedule)
    assert zoned(crontab("30", "2")) != zoned(crontab("30", "2"), "UTC")


@pytest.mark.parametrize("name", ["Europe/Berln", "Europe", "../Berlin", "UTC+1", "CEST"])
def test_time_zone_that_does_not_exist_is_refused_where_it_is_written(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_TIMEZONE", name)
    line = f"'{name}' is no time zone: write its IANA name, such as 'Europe/Berlin'"
    with pytest.raises(SystemExit) as refused:
        load(BeatSettings)
    assert str(refused.value).startswith(f"CELERY_TIMEZONE: {line}")
    with pytest.raises(SystemExit) as refused:
        Entry("nightly", "tests.nightly", crontab("30", "2"), expires=60, timezone=name)
    assert str(refused.value).startswith(f"error: schedule entry 'nightly': timezone: {line}")


@pytest.mark.parametrize(
    ("schedule", "zone", "problem"),
    [
        (30.0, "Europe/Berlin", "timezone: is for a crontab, not for seconds"),
        (crontab("30", "2", nowfun=datetime.now), None, "nowfun: is not heeded: name the time zone"),
    ],
)
def test_clock_that_means_nothing_is_refused(schedule: float | crontab, zone: str | None, problem: str) -> None:
    with pytest.raises(SystemExit, match=f"error: schedule entry 'often': {problem}"):
        Entry("often", "tests.often", schedule, expires=60, timezone=zone)
