"""Tasks for tests that send more than a worker should take, or what nobody should see."""

import logging
import os
import time
from typing import Any

from celery import shared_task

from tests.library.shop.contracts import PINGS, Ping
from trinity_celery.config import CelerySettings
from trinity_celery.connections import redis_client

FIVE_A_SECOND: dict[str, Any] = {"shared_rate_limit": "5/s"}


@shared_task(ignore_result=False)
def allocate(mebibytes: int) -> tuple[int, int]:
    """Use memory, and say which process did and how much of it."""
    return os.getpid(), len(b"x" * (mebibytes << 20))


@shared_task(ignore_result=False)
def send_ping(queue: str) -> str:
    """Send a task from within a task."""
    return PINGS[queue].send(Ping())


@shared_task(ignore_result=False, **FIVE_A_SECOND)
def limited() -> float:
    """Return when this ran, in seconds, by the clock of a server that all workers share."""
    seconds, microseconds = redis_client(CelerySettings()).time()
    return float(seconds) + float(microseconds) / 1_000_000


@shared_task(ignore_result=False)
def log_in(name: str, password: str) -> None:
    """Do with a password what nobody should: log it, and raise it."""
    logging.getLogger(__name__).warning("%s logs in with password=%s", name, password)
    time.sleep(5)
    raise ValueError(f"wrong password: {password}")
