"""The tasks of the harness, loaded by the project's own worker: ``--include tests.chaos.tasks``."""

import json
import os
import signal
import sqlite3
import time
from typing import Any

from celery import current_app, shared_task
from celery.signals import celeryd_init
from pydantic import BaseModel
from trinity_celery.contracts import Contract

from shared.queues import PROJECT
from tests.chaos.ledger import note_run, take_effect

BREAK = "CHAOS_BREAK"  # settings of Celery to break, as JSON
UNGUARDED = "CHAOS_UNGUARDED"  # effects without their claim

QUEUE = PROJECT.queue_names()[0]

# A database that is away for a moment: try again, ever later, not everybody at the same time.
RETRY: dict[str, Any] = {
    "autoretry_for": (sqlite3.OperationalError,),
    "retry_backoff": True,
    "retry_backoff_max": 5,
    "retry_jitter": True,
    "max_retries": 20,
    "default_retry_delay": 1,
}


def break_settings(configuration: Any, changes: str) -> None:
    """Change Celery's configuration as the JSON in ``changes`` says; tables are merged."""
    for name, value in json.loads(changes).items():
        configuration[name] = {**configuration[name], **value} if isinstance(value, dict) else value


@celeryd_init.connect
def break_worker(conf: Any, **_: Any) -> None:
    """Come after the project has configured its worker."""
    break_settings(conf, os.environ.get(BREAK) or "{}")


# Tasks take some settings over when they are made, which is before that.
break_settings(current_app.conf, os.environ.get(BREAK) or "{}")


class Work(BaseModel):
    """A task's name, and the seconds that it takes."""

    task: str
    seconds: float = 0.0


@shared_task(**RETRY)
def work(task: str, seconds: float) -> None:
    """Take some time, have an effect, and take as much time again until the broker is told."""
    note_run(task)
    time.sleep(seconds / 2)
    take_effect(task, guarded=not os.environ.get(UNGUARDED))
    time.sleep(seconds / 2)


@shared_task(ignore_result=False, **RETRY)
def work_with_result(task: str, seconds: float) -> str:
    """Do the same, and keep the result."""
    work.run(task, seconds)
    return task


@shared_task(**RETRY)
def lose_process_once(task: str, seconds: float) -> None:
    """Kill the process that runs this, as the kernel does when memory runs out; the second time, work."""
    if note_run(task) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    take_effect(task)


@shared_task(ignore_result=False, max_retries=2, default_retry_delay=1)
def lose_process_always(task: str, seconds: float) -> None:
    """Kill the process that runs this, whenever it runs."""
    note_run(task)
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(bind=True, **RETRY)
def tick(self: Any, batch: str) -> None:
    """Have an effect of its own each time the schedule sends this."""
    task = f"{batch}{self.request.id}"
    note_run(task)
    take_effect(task)


WORK = Contract("tests.chaos.tasks.work", QUEUE, Work, keeps_result=False)
WORK_WITH_RESULT = Contract("tests.chaos.tasks.work_with_result", QUEUE, Work)
LOSE_PROCESS_ONCE = Contract("tests.chaos.tasks.lose_process_once", QUEUE, Work, keeps_result=False)
LOSE_PROCESS_ALWAYS = Contract("tests.chaos.tasks.lose_process_always", QUEUE, Work)
