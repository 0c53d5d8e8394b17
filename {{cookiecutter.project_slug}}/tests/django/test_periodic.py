"""The schedule in the database: synced from code, registered by a command, made by somebody in the admin."""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from trinity_celery.beat import ZonedCrontab
from trinity_celery.beat.database import Scheduler
from trinity_celery.config import BeatSettings, runtime_of
from trinity_celery.config.runtime import attach
from trinity_celery.contracts.sending import sending_app
from trinity_celery.contrib.django.schedule.periodic import register_periodic_task

from config.celery import celery_app
from devtools.stack import ROOT, Stack, running_stack
from devtools.web_services import WEB_SERVICES
from shared.queues import PROJECT
from tests.changing_clocks import check_moments
from tests.conftest import STACK_ENVIRONMENT

WORKER = f"celery-{PROJECT.services[0].default_queue}".replace(".", "-")
TASK = "backend.platform.tasks.purge_old_reports"


def register(**changes: object) -> PeriodicTask:
    values = {"name": "a", "task_path": TASK, "every": 3} | changes
    return register_periodic_task(**values)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_registering_twice_changes_nothing() -> None:
    PeriodicTask.objects.create(name="somebody's own", task=TASK, interval=register().interval)
    rows = PeriodicTask.objects.order_by("id").values("id", "name", "task", "interval_id", "enabled", "queue")
    before = list(rows)
    register()
    assert list(rows.all()) == before


@pytest.mark.django_db
def test_registering_again_updates_but_leaves_the_switch_alone() -> None:
    PeriodicTask.objects.filter(pk=register().pk).update(enabled=False)
    task = register(every=5, period=IntervalSchedule.HOURS)
    assert (task.interval.every, task.interval.period, task.enabled) == (5, "hours", False)
    assert register(enabled=True).enabled


@pytest.mark.django_db
def test_task_goes_to_the_beat_queue_of_its_own_queue() -> None:
    assert register().queue == BeatSettings().beat_queue(PROJECT.services[0].default_queue)
    with pytest.raises(LookupError, match=r"no route matches the task 'nobody\.knows'"):
        register(task_path="nobody.knows")


@pytest.mark.django_db
def test_command_registers() -> None:
    output = StringIO()
    call_command("register_periodic_tasks", stdout=output)
    call_command("register_periodic_tasks", stdout=output)
    assert PeriodicTask.objects.filter(task=TASK).count() == 1
    assert output.getvalue().count("Purge old reports every day") == 2


@pytest.mark.django_db
def test_crontabs_from_the_database_are_right_when_clocks_are_changed() -> None:
    scheduler = Scheduler(app=celery_app, lazy=True)

    def add(crontab: ZonedCrontab) -> Any:
        PeriodicTask.objects.filter(name=repr(crontab)).delete()
        return Scheduler.Entry.from_entry(repr(crontab), app=celery_app, task=TASK, schedule=crontab)

    def keep(entry: Any) -> Any:
        entry.save()
        # What is far from due is not even loaded.
        return scheduler.all_as_schedule()[entry.name]

    check_moments(add, keep)


@pytest.mark.django_db
def test_form_for_a_crontab_begins_with_the_time_zone_of_the_project(
    admin_client: Client,
) -> None:
    app = sending_app()
    runtime = runtime_of(app)
    attach(app, replace(runtime, beat_settings=BeatSettings(celery_timezone="Europe/Berlin")))
    page = admin_client.get("/admin/django_celery_beat/crontabschedule/add/").content.decode()
    attach(app, runtime)
    assert re.findall(r'<option value="([^"]+)" selected', page) == ["Europe/Berlin"]


class Admin:
    """Somebody in the browser."""

    def __init__(self, stack: Stack) -> None:
        variables = {"DJANGO_SUPERUSER_PASSWORD": "for-tests-only", **stack.environment}
        command = ["python", "manage.py", "createsuperuser", "--noinput", "--username=root", "--email=r@example.com"]
        subprocess.run(command, cwd=ROOT, env=variables, check=True, capture_output=True)
        self._client = httpx.Client(base_url=f"{WEB_SERVICES[0].address(stack.environment)}/admin", timeout=30)
        self.fill("/login/", username="root", password="for-tests-only", next="/admin/")

    def fill(self, path: str, **fields: object) -> None:
        """Open a form, fill it in and send it."""
        page = self._client.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', page.text))
        assert "csrfmiddlewaretoken" in hidden, page.text[:500]
        response = self._client.post(path, data=hidden | fields)
        assert response.status_code == httpx.codes.FOUND, re.findall(r"errorlist.*", response.text)


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """A stack whose beat lives in the present: the admin's changes are dated, and beat must see them as new."""
    with running_stack(extra=STACK_ENVIRONMENT, only={"web", WORKER, "celery-beat"}) as running:
        yield running


def test_entries_of_the_code_and_of_the_admin_fire(own_stack: Stack) -> None:
    stack = own_stack
    admin = Admin(stack)
    admin.fill("/django_celery_beat/intervalschedule/add/", every=2, period="seconds")
    start = timezone.now() - timedelta(days=1)
    admin.fill(
        "/django_celery_beat/periodictask/add/",
        name="made in the admin",
        task="backend.platform.tasks.ping",
        enabled="on",
        interval=1,
        args="[]",
        kwargs="{}",
        headers="{}",
        queue=BeatSettings().beat_queue(PROJECT.services[0].default_queue),
        start_time_0=start.date().isoformat(),
        start_time_1="00:00:00",
    )
    deadline = time.monotonic() + 60
    while "Sending due task refresh-report-statistics" not in stack.log("celery-beat").read_text():
        assert time.monotonic() < deadline, stack.log("celery-beat").read_text()[-2000:]
        time.sleep(0.5)
    while "Sending due task made in the admin" not in stack.log("celery-beat").read_text():
        assert time.monotonic() < deadline, stack.log("celery-beat").read_text()[-2000:]
        time.sleep(0.5)
    while "Task backend.platform.tasks.ping" not in stack.log(WORKER).read_text():
        assert time.monotonic() < deadline, stack.log(WORKER).read_text()[-2000:]
        time.sleep(0.5)
