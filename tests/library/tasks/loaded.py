"""A task that tells what the worker's process holds, for tests about starting one."""

import gc
import sys
from typing import Any

from celery import Celery, shared_task


@shared_task(ignore_result=False)
def describe() -> dict[str, Any]:
    """Return what was imported, how many objects are set aside from garbage collection, and whether that is on."""
    return {"modules": sorted(sys.modules), "set_aside": gc.get_freeze_count(), "collects": gc.isenabled()}


def described(app: Celery, queue: str) -> dict[str, Any]:
    """Return what a worker of ``queue`` that was started with ``--include tests.library.tasks.loaded`` says."""
    return dict(app.send_task("tests.library.tasks.loaded.describe", queue=queue, ignore_result=False).get(timeout=60))
