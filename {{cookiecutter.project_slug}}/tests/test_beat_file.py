"""Celery's own scheduler remembers its last runs in a file, and knows nothing of a second beat."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from trinity_celery.beat import ZonedCrontab
from trinity_celery.beat.file import FileScheduler
from trinity_celery.config import load_runtime
from trinity_celery.worker import celery_configuration

from devtools.stack import Stack
from shared.queues import PROJECT
from tests.changing_clocks import check_moments
from tests.conftest import sender_for

SENDING = re.compile(r"Scheduler: Sending due task refresh-")


def start(broker: Stack, name: str) -> None:
    broker.start(name, "trinity beat", {"BEAT_SCHEDULE_FILENAME": f"{broker.directory}/{name}"})


def sent(broker: Stack, name: str) -> int:
    return len(SENDING.findall(broker.log(name).read_text()))


def test_every_beat_fires_so_run_exactly_one(broker: Stack) -> None:
    """What the guide says about this scheduler, shown: a second beat doubles every run."""
    start(broker, "first")
    start(broker, "second")
    deadline = time.monotonic() + 30
    while not (sent(broker, "first") and sent(broker, "second")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    broker.stop("first", "second")
    assert list(broker.directory.glob("first*"))


def test_file_lies_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEAT_SCHEDULE_FILENAME", "/var/lib/somewhere/schedule")
    assert (
        celery_configuration(load_runtime(PROJECT), PROJECT.services[0])["beat_schedule_filename"]
        == "/var/lib/somewhere/schedule"
    )


def test_crontabs_from_the_file_are_right_when_clocks_are_changed(tmp_path: Path) -> None:
    app: Any = sender_for({})
    store = {"app": app, "schedule_filename": str(tmp_path / "schedule")}

    def add(crontab: ZonedCrontab) -> Any:
        app.conf.beat_schedule = {repr(crontab): {"task": "tests.by_the_clock", "schedule": crontab}}
        with_it = FileScheduler(**store)
        entry = with_it.schedule[repr(crontab)]
        with_it.close()
        return entry

    def keep(entry: Any) -> Any:
        app.conf.beat_schedule = {entry.name: {"task": entry.task, "schedule": entry.schedule}}
        before = FileScheduler(**store)
        before.schedule[entry.name] = entry
        before.close()
        after = FileScheduler(**store)
        entry = after.schedule[entry.name]
        after.close()
        return entry

    check_moments(add, keep)
