"""The project's task that does nothing, loaded by the project's own worker: ``--include devtools.bench.tasks``."""

import json
import os
from typing import Any

from celery import current_app, shared_task
from celery.signals import celeryd_init
from pydantic import BaseModel
from trinity_celery.contracts import Contract

from devtools.bench import marks
from shared.queues import PROJECT

QUEUE = PROJECT.queue_names()[0]
CHANGES = "BENCH_CHANGES"  # settings of Celery that are changed, as JSON


@celeryd_init.connect
def change_worker(conf: Any, **_: Any) -> None:
    """Come after the project has configured its worker."""
    conf.update(json.loads(os.environ.get(CHANGES) or "{}"))


# Tasks take some settings over when they are made, which is before that.
change_worker(current_app.conf)


class Mark(BaseModel):
    """A task's number."""

    number: int


@shared_task(queue=QUEUE)
def mark(number: int) -> None:
    """Note that this ran."""
    marks.mark(number)


@shared_task(queue=QUEUE, ignore_result=False)
def mark_with_result(number: int) -> None:
    """Note that this ran, and keep the result."""
    marks.mark(number)


@shared_task(queue=QUEUE)
def compute(number: int) -> None:
    """Keep the processor busy."""
    marks.compute(number)


@shared_task(queue=QUEUE)
def wait(number: int) -> None:
    """Wait."""
    marks.wait(number)


MARK = Contract("devtools.bench.tasks.mark", QUEUE, Mark, keeps_result=False)
MARK_WITH_RESULT = Contract("devtools.bench.tasks.mark_with_result", QUEUE, Mark)
COMPUTE = Contract("devtools.bench.tasks.compute", QUEUE, Mark, keeps_result=False)
WAIT = Contract("devtools.bench.tasks.wait", QUEUE, Mark, keeps_result=False)
