"""The tasks."""

from celery import shared_task


@shared_task(ignore_result=False)
def ping() -> str:
    """Answer."""
    return "pong"


@shared_task(ignore_result=False)
def take_order(number: int, items: list[str]) -> int:
    """Return how many things are to be sent."""
    return len(items)
