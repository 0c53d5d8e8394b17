"""The tasks that services start in each other, as typed contracts; no service imports another one's code.

To add one: a payload model and a ``Contract`` here, a task of that name in its owner's package. The tests hold that
the owner's worker registers the name, that the task takes the payload's fields, and that somebody consumes the queue.
"""

from typing import Any

from pydantic import BaseModel, Field
from trinity_celery.config import Queue
from trinity_celery.contracts import Contract, Payload

from shared.queues import PROJECT


def _contract(task_name: str, payload: type[Payload], **options: Any) -> Contract[Payload]:
    queue = PROJECT.queue_of_task(task_name)
    if queue is None:
        raise LookupError(f"no route matches the task {task_name!r}")
    return Contract(task_name, queue, payload, project=PROJECT, **options)


class Ping(BaseModel):
    """Nothing to say: the answer tells which worker took it from which queue."""


# The task of each service that only answers, by its Celery app.
PING_TASKS = {
    # jinja: for service in plan(cookiecutter).services
    "{{ service.celery_app }}": "{{ service.ping_task }}",
    # jinja: endfor
}


def _ping(queue: Queue) -> Contract[Ping]:
    # A queue without an owner has a worker that knows the tasks of every service.
    task = PING_TASKS.get(queue.worker_app) or next(iter(PING_TASKS.values()))
    return Contract(task, queue.name, Ping, project=PROJECT)


# jinja: if cookiecutter.use_django
class BuildReport(BaseModel):
    """Which report to build."""

    report_id: int


class CreateReport(BaseModel):
    """A report to write down and build at once."""

    title: str = Field(min_length=1, max_length=200)
    body: str = ""


BUILD_REPORT = _contract("backend.platform.tasks.build_report", BuildReport, outbox=True)
CREATE_REPORT = _contract("backend.platform.tasks.create_report", CreateReport)


# jinja: endif
# jinja: if cookiecutter.use_fastapi
class ScoreText(BaseModel):
    """A text to score."""

    text: str = Field(min_length=1, max_length=10_000)


class ScoreBatch(BaseModel):
    """Texts to score one after the other, with progress."""

    texts: list[str] = Field(min_length=1, max_length=1000)


SCORE_TEXT = _contract("app.atom.tasks.score_text", ScoreText, outbox=True)
SCORE_BATCH = _contract("app.atom.tasks.score_batch", ScoreBatch)


# jinja: endif
# One for each queue, so that anybody can see every worker answer.
PINGS = {queue.name: _ping(queue) for queue in PROJECT.queues}
