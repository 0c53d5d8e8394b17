"""Tasks that take their time, for tests that stop or outwait their worker."""

import time

from celery import shared_task


@shared_task(ignore_result=False)
def sleep() -> None:
    """Sleep for a minute."""
    time.sleep(60)


@shared_task(ignore_result=False)
def nap(seconds: float) -> float:
    """Sleep for a while."""
    time.sleep(seconds)
    return seconds


@shared_task(ignore_result=False, acks_late=False)
def early_nap(seconds: float) -> float:
    """Sleep for a while, acknowledged as soon as that begins."""
    time.sleep(seconds)
    return seconds
