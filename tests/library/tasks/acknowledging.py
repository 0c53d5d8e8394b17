"""Tasks that end their child process, give back their message or start a program, for tests of what is left then."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.exceptions import Reject, SoftTimeLimitExceeded


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


@shared_task(ignore_result=False)
def start_program(file: str, seconds: float) -> None:
    """Start a program, note its process, and take some time, twice."""
    program = subprocess.Popen(["sleep", "300"])
    Path(file).write_text(str(program.pid))
    with suppress(SoftTimeLimitExceeded):
        time.sleep(seconds)
    time.sleep(seconds)
