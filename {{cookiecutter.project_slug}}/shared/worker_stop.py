"""A worker that was asked to stop ends, even if Celery's own way of ending gets stuck.

Celery ends within the signal's handler, in the midst of whatever the signal has interrupted. Interrupted while it hands
a task to a child, it waits for ever: about one stop in twenty-five under full load.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.utils.log import get_logger

from shared.leases import give_back_all_but

PATIENCE = 10  # seconds beyond what tasks are given to finish

logger = get_logger(__name__)


class StopStep(bootsteps.StartStopStep):
    """Ends the worker when it takes too long to stop."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Begin to watch for the signals that stop a worker after a bounded time."""
        signals = [signal.SIGQUIT]
        if os.environ.get("REMAP_SIGTERM") == signal.SIGQUIT.name:
            signals.append(signal.SIGTERM)
        for number in signals:
            self._watch(parent, number)

    def _watch(self, worker: Any, number: signal.Signals) -> None:
        handle: Any = signal.getsignal(number)

        def begin_to_stop(*arguments: Any) -> None:
            threading.Thread(target=end_in_time, args=(worker,), daemon=True).start()
            handle(*arguments)

        signal.signal(number, begin_to_stop)


def end_in_time(worker: Any) -> None:
    """Wait for as long as stopping may take; then give everything back, and end this process and its children."""
    seconds = worker.app.conf.worker_soft_shutdown_timeout + PATIENCE
    time.sleep(seconds)
    logger.error("this worker did not stop within %s s and is ended; its tasks go back to their queues", seconds)
    for child in getattr(getattr(worker.pool, "_pool", None), "_pool", ()):
        with suppress(OSError):
            os.kill(child.pid, signal.SIGKILL)
    give_back_all_but(set())
    os._exit(0)  # it did stop, and left nothing behind
