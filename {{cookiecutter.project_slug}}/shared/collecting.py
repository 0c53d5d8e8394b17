"""Brokers put messages aside by themselves: each worker looks there now and then, so that their tasks get a state.

Otherwise these would look as if they were to run until somebody looks at dead letters.
"""

import os
from threading import Event, Lock, Thread
from typing import Any

from celery import Celery, bootsteps
from celery.utils.log import get_logger

from shared.dead_letters import DeadLetters
from shared.failed_tasks import worker_dead_letters
from shared.find_broker import find_broker

INTERVAL = 30  # seconds between two looks of a worker; those of all workers together are at least half as far apart

logger = get_logger(__name__)

# A child process must not be forked while the thread holds some lock of a library.
_collecting = Lock()
os.register_at_fork(before=_collecting.acquire, after_in_parent=_collecting.release, after_in_child=_collecting.release)


def collect(app: Celery, letters: DeadLetters) -> None:
    """Make letters of what the broker has put aside, unless another worker has just done so.

    Raises:
        Exception: whatever the clients of the broker and of Redis raise when they are away.
    """
    if letters.client.set(f"{letters.name}:collected", 1, nx=True, ex=INTERVAL // 2):
        count = find_broker(app.conf.broker_url).collect(app, letters)
        if count:
            logger.warning("messages that the broker had put aside, and that no worker is to run: %s", count)


def collect_for_ever(app: Celery) -> None:
    """Collect now and then; that a server is away is logged once."""
    pause, in_touch = Event(), True
    while True:
        try:
            with _collecting:
                collect(app, worker_dead_letters())
            in_touch = True
        except Exception as error:  # whatever clients raise; what is not collected now is later
            if in_touch:
                logger.warning("what the broker has put aside cannot be collected: %s", error)
            in_touch = False
        pause.wait(INTERVAL)


class CollectStep(bootsteps.StartStopStep):
    """Collects in a thread of its own, since a broker may take long to answer."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Begin."""
        Thread(target=collect_for_ever, args=(parent.app,), name="collector", daemon=True).start()
