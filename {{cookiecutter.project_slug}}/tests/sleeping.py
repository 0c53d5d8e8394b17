"""A task that takes longer than anybody waits, for tests that stop its worker."""

import time

from celery import shared_task


@shared_task(ignore_result=False)
def sleep() -> None:
    """Sleep for a minute."""
    time.sleep(60)
