"""Tasks that end their child process or give back their message, for tests of how often they run."""

import os
import signal
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.exceptions import Reject


@shared_task(bind=True, ignore_result=False)
def reject_first(self: Any) -> bool:
    """Give the message back at its first delivery."""
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not yet", requeue=True)
    return True


@shared_task(ignore_result=False, acks_late=False)
def end_child(file: str) -> None:
    """Note that a run begins, and kill the child process."""
    with Path(file).open("a") as runs:
        runs.write("run\n")
    os.kill(os.getpid(), signal.SIGKILL)
