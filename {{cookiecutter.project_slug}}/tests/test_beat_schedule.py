"""The schedule names what exists, and is the only one. A failure names the entry."""

import subprocess
import sys
from typing import Any

import pytest
from celery.schedules import crontab
from trinity_celery.beat.schedule import celery_beat_schedule, refuse_other_schedules
from trinity_celery.config import BeatSettings, CelerySettings, Runtime, load_runtime
from trinity_celery.config.runtime import attach
from trinity_celery.worker import ProjectApp

from devtools.stack import ROOT, Stack
from shared.queues import PROJECT
from shared.schedule import entries
from tests.conftest import service_apps
from tests.test_consistency import registered_tasks


def test_every_schedule_entry_names_a_task_that_somebody_runs() -> None:
    for name, entry in celery_beat_schedule(PROJECT, BeatSettings(), entries).items():
        queue = entry["options"]["queue"]
        consumers = [
            candidate for candidate in PROJECT.queues if queue in load_runtime(PROJECT).consumed_queues(candidate.name)
        ]
        assert consumers, f"schedule entry {name}: nobody listens to {queue}"
        for consumer in consumers:
            assert entry["task"] in registered_tasks(consumer.worker_app), f"schedule entry {name}: no {entry['task']}"


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(LookupError, match="another one has this name"):
        celery_beat_schedule(PROJECT, BeatSettings(), lambda settings: [*entries(settings), *entries(settings)])


def test_no_service_has_another_schedule() -> None:
    for app in service_apps():
        app.loader.import_default_modules()
        refuse_other_schedules(app)


@pytest.mark.parametrize("signal", ["on_after_configure", "on_after_finalize"])
@pytest.mark.parametrize(("options", "name"), [({}, "tests.nightly"), ({"name": "every night"}, "every night")])
def test_periodic_task_that_no_beat_would_see_is_refused_where_it_is_added(
    signal: str, options: dict[str, str], name: str
) -> None:
    app: Any = ProjectApp("tests", set_as_current=False)
    attach(app, Runtime(PROJECT, CelerySettings(), BeatSettings(), {"some": {}}, "shared.schedule"))

    @app.task(name="tests.nightly", shared=False)
    def nightly() -> None: ...

    def add(sender: Any, **_: Any) -> None:
        sender.add_periodic_task(crontab("30", "2"), nightly.s(), **options)

    getattr(app, signal).connect(add)
    with pytest.raises(SystemExit) as refused:
        getattr(app, signal).send(sender=app)
    [line] = str(refused.value).splitlines()
    assert line.startswith(f"error: {__file__}:{add.__code__.co_firstlineno + 1}: periodic task {name!r}: ")
    assert line.endswith("write an Entry in shared.schedule")


@pytest.mark.parametrize(
    ("service", "process"),
    [(PROJECT.services[0], "beat"), (PROJECT.services[-1], "worker")],
    ids=lambda value: str(value)[:6],
)
def test_schedule_in_the_configuration_is_refused(broker: Stack, service: Any, process: str) -> None:
    code = (
        f"from {service.celery_app} import celery_app; "
        "celery_app.conf.beat_schedule = {'by-hand': {'task': 'tests.by_hand', 'schedule': 60}}; "
        f"celery_app.start(['{process}'])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=broker.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith(
        "error: schedule entry 'by-hand': beat_schedule was set in Celery's configuration, which is made from the "
        "table in shared.schedule: write an Entry there instead"
    )
