"""Celery with every setting at its default: database 0 of Redis or another broker, results in database 1 of Redis."""

import os

from celery import Celery

from devtools.bench import marks
from devtools.bench.baselines import plain_redis  # noqa: F401

app = Celery("stock", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_RESULTS"])
# Of this name by default; a second worker beside the first one has a queue of its own.
app.conf.task_default_queue = os.environ.get("BENCH_QUEUE", "celery")


@app.task
def mark(number: int) -> None:
    """Note that this ran."""
    marks.mark(number)


@app.task(ignore_result=True)
def mark_without_result(number: int) -> None:
    """Do the same, and keep no result."""
    marks.mark(number)


@app.task(ignore_result=True)
def compute(number: int) -> None:
    """Keep the processor busy."""
    marks.compute(number)


@app.task(ignore_result=True)
def wait(number: int) -> None:
    """Wait."""
    marks.wait(number)
