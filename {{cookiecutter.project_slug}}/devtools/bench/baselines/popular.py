"""Celery as the most used project template sets it up, by the settings that it publishes (November 2026).

Its scheduler is left out: it does not run here. Its ``hiredis`` is there.
"""

import os

from celery import Celery

from devtools.bench import marks

app = Celery("popular")
app.conf.update(
    broker_url=os.environ["BENCH_BROKER"],
    result_backend=os.environ["BENCH_REDIS"],
    timezone="UTC",
    result_extended=True,
    result_backend_always_retry=True,
    result_backend_max_retries=10,
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_time_limit=5 * 60,
    task_soft_time_limit=60,
    worker_send_task_events=True,
    task_send_sent_event=True,
    worker_hijack_root_logger=False,
    task_default_queue="popular",
)


@app.task
def mark(number: int) -> None:
    """Note that this ran."""
    marks.mark(number)
