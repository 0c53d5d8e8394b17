"""Beat of the project with the project's scheduler, and a schedule of the harness: one task, every second."""

import os
import sys
from typing import Any

from celery.bin.celery import main
from celery.signals import after_task_publish
from trinity_celery.cli.beat import beat_arguments
from trinity_celery.config import BeatSettings, load
from trinity_celery.worker import setup

from shared.queues import PROJECT
from tests.chaos.ledger import note_firing
from tests.chaos.tasks import QUEUE

BATCH = os.environ["CHAOS_BATCH"]


@after_task_publish.connect
def fired(headers: Any, **_: Any) -> None:
    """Note what the broker has accepted."""
    note_firing(f"{BATCH}{headers['id']}", str(os.getpid()))


if __name__ == "__main__":
    options = {"queue": load(BeatSettings).beat_queue(QUEUE)}
    entry = {"task": "tests.chaos.tasks.tick", "schedule": 1.0, "kwargs": {"batch": BATCH}, "options": options}
    setup.celery_beat_schedule = lambda *_: {"chaos": entry}  # type: ignore[attr-defined]
    sys.argv = ["celery", *beat_arguments(PROJECT)]
    sys.exit(main())
