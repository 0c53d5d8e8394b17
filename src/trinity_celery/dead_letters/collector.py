"""Brokers put messages aside by themselves: each worker looks there now and then, so that their tasks get a state.

Otherwise these would look as if they were to run until somebody looks at dead letters.
"""

import os
from dataclasses import dataclass
from threading import Event, Lock, Thread

from celery import Celery, bootsteps
from celery.app.task import Context
from celery.utils.log import get_logger

from trinity_celery._compat.celery import Worker
from trinity_celery.brokers.base import Quarantined
from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.runtime import runtime_of
from trinity_celery.dead_letters.letters import letter_of_quarantined
from trinity_celery.dead_letters.recorder import worker_dead_letters
from trinity_celery.dead_letters.status import mark_as_expired, mark_as_failed
from trinity_celery.dead_letters.store import DeadLetters

INTERVAL = 30  # seconds between two looks of a worker; those of all workers together are at least half as far apart

logger = get_logger(__name__)

# A child process must not be forked while the thread holds some lock of a library.
_collecting = Lock()
os.register_at_fork(before=_collecting.acquire, after_in_parent=_collecting.release, after_in_child=_collecting.release)


@dataclass(frozen=True)
class LetterRecorder:
    """Makes letters of what a broker has put aside, and tells whoever waits for its task."""

    app: Celery
    letters: DeadLetters

    def keep(self, quarantined: Quarantined) -> None:
        """Keep a letter, and note that its task has failed."""
        letter = letter_of_quarantined(runtime_of(self.app), quarantined)
        self.letters.keep(letter)
        if quarantined.delivery is not None:
            mark_as_failed(self.app, letter, quarantined.delivery)

    def expire(self, request: Context) -> None:
        """Note that a task has come too late to run."""
        mark_as_expired(self.app, request)


def collect_all(app: Celery, letters: DeadLetters) -> int:
    """Move everything that the broker of ``app`` has put aside into ``letters``, and return how much it was.

    What leaves the broker is kept, and its task has a state. Two that collect at once keep the same letter.

    Raises:
        Exception: whatever the clients of the broker and of Redis raise when they are away.
    """
    return find_broker(app.conf.broker_url).collect(app, LetterRecorder(app, letters))


def collect(app: Celery, letters: DeadLetters) -> None:
    """Make letters of what the broker has put aside, unless another worker has just done so.

    Raises:
        Exception: whatever the clients of the broker and of Redis raise when they are away.
    """
    if letters.client.set(f"{letters.name}:collected", 1, nx=True, ex=INTERVAL // 2):
        count = collect_all(app, letters)
        if count:
            logger.warning("messages that the broker had put aside, and that no worker is to run: %s", count)


def collect_for_ever(app: Celery) -> None:
    """Collect now and then; that a server is away is logged once."""
    pause, in_touch = Event(), True
    while True:
        try:
            with _collecting:
                collect(app, worker_dead_letters(app))
            in_touch = True
        except Exception as error:  # whatever clients raise; what is not collected now is later
            if in_touch:
                logger.warning("what the broker has put aside cannot be collected: %s", error)
            in_touch = False
        pause.wait(INTERVAL)


class CollectStep(bootsteps.StartStopStep):
    """Collects in a thread of its own, since a broker may take long to answer."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Worker) -> None:
        """Begin."""
        Thread(target=collect_for_ever, args=(parent.app,), name="collector", daemon=True).start()
