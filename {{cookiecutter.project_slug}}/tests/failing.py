"""Tasks that end badly as long as a file is there, for tests of what becomes of them."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.exceptions import Reject, SoftTimeLimitExceeded
from pydantic import TypeAdapter


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
