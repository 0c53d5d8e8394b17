"""A task that may run for longer than a broker waits, for a test of the worker that refuses it."""

from celery import shared_task


@shared_task(soft_time_limit=7000, time_limit=7200)
def stay() -> None:
    """Return at once."""
