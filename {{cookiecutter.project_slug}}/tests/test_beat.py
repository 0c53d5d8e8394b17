"""The schedule fires: interval and crontab entries, each once, through the beat queue to a worker."""

import re
import time

import httpx
import pytest
from trinity_celery.beat import Entry
from trinity_celery.beat.schedule import celery_beat_schedule
from trinity_celery.config import BeatSettings, load_runtime

from devtools.stack import Stack
from devtools.web_services import WEB_SERVICES, WebService
from shared.queues import PROJECT
from shared.schedule import entries
from tests.test_workers import StartWorker, ask

CRONTABS = [entry for entry in entries(BeatSettings()) if not isinstance(entry.schedule, float)]


def worker_log_of(stack: Stack, task: str) -> str:
    """Return what the worker has written that runs ``task``."""
    queue = PROJECT.queue_of_task(task)
    return stack.log(f"celery-{queue}".replace(".", "-")).read_text()


@pytest.mark.parametrize("service", WEB_SERVICES, ids=lambda service: service.title)
def test_interval_entry_fires_through_the_beat_queue(stack: Stack, service: WebService) -> None:
    url = f"{service.address(stack.environment)}{service.statistics}"
    deadline = time.monotonic() + 60
    while httpx.get(url).json()["refreshes"] < 2:
        assert time.monotonic() < deadline, stack.log("celery-beat").read_text()
        time.sleep(0.2)
    figures = httpx.get(url).json()
    assert figures["refreshed_from"] in [
        load_runtime(PROJECT).consumed_queues(queue.name)[1] for queue in PROJECT.queues
    ]
    assert figures["refreshed_by"]


@pytest.mark.parametrize("entry", CRONTABS, ids=lambda entry: entry.name)
def test_crontab_entry_fires_once(stack: Stack, entry: Entry) -> None:
    """Beat of the stack lives shortly before three o'clock, when every crontab entry of the example is due."""
    pattern = re.compile(rf"Task {re.escape(entry.task)}\[\S+\] succeeded")
    deadline = time.monotonic() + 60
    while not pattern.search(worker_log_of(stack, entry.task)):
        assert time.monotonic() < deadline, stack.log("celery-beat").read_text()
        time.sleep(0.5)
    time.sleep(2)
    assert len(pattern.findall(worker_log_of(stack, entry.task))) == 1


def test_options_of_beat_take_effect(broker: Stack) -> None:
    options = {"CELERY_BEAT_LOGLEVEL": "debug", "CELERY_BEAT_SCHEDULER": "celery.beat:Scheduler"}
    broker.start("beat-options", "trinity beat", options)
    log = broker.log("beat-options")
    deadline = time.monotonic() + 30
    while "DEBUG/MainProcess" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    broker.stop("beat-options")
    assert "celery.beat.Scheduler" in log.read_text()


def test_queue_of_the_schedule_follows_its_variable(start_worker: StartWorker) -> None:
    queue = PROJECT.queue_names()[0]
    app = start_worker(queue, "renamed", CELERY_BEAT_QUEUE="{queue}.scheduled")
    assert [each["name"] for each in ask(app, "active_queues", "renamed")] == [queue, f"{queue}.scheduled"]


def test_entries_expire_so_that_a_backlog_does_not_pile_up() -> None:
    assert all(
        entry["options"]["expires"] > 0 for entry in celery_beat_schedule(PROJECT, BeatSettings(), entries).values()
    )
