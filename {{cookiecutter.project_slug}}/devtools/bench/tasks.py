"""The project's task that does nothing, loaded by the project's own worker: ``--include devtools.bench.tasks``."""

from celery import shared_task
from pydantic import BaseModel

from devtools.bench import marks
from shared.layout import queue_names
from shared.sending import Contract

QUEUE = queue_names()[0]


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


MARK = Contract("devtools.bench.tasks.mark", QUEUE, Mark, keeps_result=False)
MARK_WITH_RESULT = Contract("devtools.bench.tasks.mark_with_result", QUEUE, Mark)
