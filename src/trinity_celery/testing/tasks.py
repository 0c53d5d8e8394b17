"""Tasks that take their time or end badly: ``trinity worker QUEUE --include trinity_celery.testing.tasks``."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.exceptions import Reject, SoftTimeLimitExceeded
from pydantic import TypeAdapter


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


@shared_task(bind=True, ignore_result=False, max_retries=1, default_retry_delay=1)
def fail(self: Any, file: str, how: str = "error", password: str = "") -> str:
    """End in the way called ``how`` while ``file`` is there; afterwards return how often that was tried."""
    if Path(file).exists():
        match how:
            case "retries":
                raise self.retry(exc=ValueError(f"no luck with password={password}"))
            case "payload":
                TypeAdapter(int).validate_python("no number")
            case "reject":
                raise Reject("never mind", requeue=False)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "memory":
                raise MemoryError
            case "slow":
                with suppress(SoftTimeLimitExceeded):
                    time.sleep(60)
                time.sleep(60)
        raise ValueError(f"no luck with password={password}")
    return f"attempt {self.request.retries}"
