"""Celery's own commands, which people go on to type: each does what Celery's documentation says of it."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery

from tests.library.harness import QUEUE, count_waiting, node_name, sender_for
from tests.library.shop.contracts import PING
from tests.library.shop.queues import APP, PROJECT
from tests.matrix import ROOT
from trinity_celery.testing.processes import Processes

NAP = "trinity_celery.testing.tasks.nap"
OTHER = PROJECT.queue_names()[1]

Command = Callable[..., str]


@pytest.fixture(scope="module")
def worker(broker: Processes) -> Iterator[str]:
    """The name of a worker that was started as in Celery's documentation."""
    options = f"--queues {QUEUE} --concurrency 1 --loglevel INFO --include trinity_celery.testing.tasks"
    broker.start("plain", f"celery -A {APP} worker --hostname plain@%h {options}")
    broker.wait_for_text("plain", " ready.", patience=60)
    yield "plain"
    broker.stop("plain")


@pytest.fixture
def celery(broker: Processes, worker: str) -> Command:
    """Return a function that runs a command of ``celery``, and returns what it prints."""

    def run(*words: str, app: str = APP) -> str:
        command = [sys.executable, "-m", "celery", "-A", app, *words]
        done = subprocess.run(command, cwd=ROOT, env=broker.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def app(broker: Processes) -> Iterator[Celery]:
    sender = sender_for(broker.environment)
    yield sender
    sender.close()


def result_of(app: Celery, printed: str) -> Any:
    """Return what the task returned whose id ``celery call`` has printed."""
    return app.AsyncResult(printed.rsplit(maxsplit=1)[-1]).get(timeout=60)


def test_call_sends_a_task_by_its_route(celery: Command, app: Celery) -> None:
    assert result_of(app, celery("call", PING)) == "pong"
    assert result_of(app, celery("call", NAP, "--args", "[0]", "--queue", QUEUE, "--countdown", "0.5")) == 0


def test_result_is_printed(celery: Command, app: Celery) -> None:
    task_id = celery("call", PING).split()[-1]
    result_of(app, task_id)
    assert celery("result", task_id) == "pong\n"


def test_inspect_and_status_ask_the_worker(celery: Command, worker: str) -> None:
    node = node_name(worker)
    assert f"{node}: OK" in celery("status")
    assert "pong" in celery("inspect", "ping")
    assert PING in celery("inspect", "registered")
    assert '"prefetch_count"' in celery("inspect", "stats")
    assert f"{node}: OK" in celery("inspect", "scheduled")


def test_inspect_shows_the_task_that_runs_and_revoke_ends_it(celery: Command, app: Celery) -> None:
    task_id = celery("call", NAP, "--args", "[60]", "--queue", QUEUE).split()[-1]
    deadline = time.monotonic() + 30
    while task_id not in celery("inspect", "active"):
        assert time.monotonic() < deadline
    celery("control", "terminate", "SIGKILL", task_id)
    while (state := str(app.AsyncResult(task_id).state)) != "REVOKED":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def test_control_changes_the_worker(celery: Command, app: Celery) -> None:
    assert "pool will grow" in celery("control", "pool_grow", "1")
    assert "new rate limit set" in celery("control", "rate_limit", NAP, "100/s")
    celery("control", "add_consumer", OTHER)
    assert result_of(app, celery("call", NAP, "--args", "[0]", "--queue", OTHER)) == 0
    celery("control", "cancel_consumer", OTHER)
    assert OTHER not in celery("inspect", "active_queues")


def test_purge_empties_the_queues_of_the_project(celery: Command, app: Celery) -> None:
    for _ in range(3):
        celery("call", NAP, "--args", "[0]", "--queue", OTHER)
    assert count_waiting(app, OTHER) == 3
    assert re.match("Purged 3 messages from ", celery("purge", "--force"))
    assert count_waiting(app, OTHER) == 0


def test_report_shows_the_configuration_without_passwords(celery: Command) -> None:
    said = celery("report")
    assert "task_queues" in said
    assert "guest:guest@" not in said


def test_events_are_dumped(broker: Processes, celery: Command, app: Celery) -> None:
    celery("control", "enable_events")
    broker.start("dump", f"celery -A {APP} events --dump", {"PYTHONUNBUFFERED": "1"})
    broker.wait_for_text("dump", "starting capture")
    task_id = celery("call", PING).split()[-1]
    result_of(app, task_id)
    broker.wait_for_text("dump", f"task succeeded: {PING}({task_id}")
    broker.stop("dump")
    celery("control", "disable_events")


def test_task_of_a_plain_worker_that_is_killed_runs_again(broker: Processes, app: Celery, worker: str) -> None:
    """What ``celery worker`` starts has each guarantee; the last test of this worker, as it ends that."""
    options = f"--queues {QUEUE} --concurrency 1 --loglevel INFO --include trinity_celery.testing.tasks"
    result = app.send_task(NAP, [4], queue=QUEUE, ignore_result=False)
    while app.AsyncResult(result.id).state != "STARTED":
        time.sleep(0.05)
    broker.send_group_signal(worker, signal.SIGKILL)
    broker.wait(worker, 10)
    broker.start("second", f"celery -A {APP} worker --hostname second@%h {options}")
    assert result.get(timeout=60) == 4
    broker.stop("second")
