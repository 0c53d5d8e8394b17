"""A worker that was asked to stop takes no more tasks, and ends with those that it runs, or when their time is up.

Celery's soft shutdown waits for the whole of ``worker_soft_shutdown_timeout`` even if the tasks end sooner, and does so
within the signal's handler: interrupted while it hands a task to a child, it waits for ever. Its warm shutdown does
neither, and has no limit. So SIGTERM starts that one, and here is the limit.

https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker
"""

import _thread
import os
import shutil
import signal
import time
from contextlib import suppress
from multiprocessing.util import get_temp_dir
from typing import Any

from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery import bootsteps
from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.request import Request

from trinity_celery._compat.billiard import children_of, jobs_of
from trinity_celery._compat.celery import Worker, process_pool
from trinity_celery.brokers.registry import find_broker
from trinity_celery.worker.children import kill_group

PATIENCE = 10  # seconds beyond the timeout, for Celery's own way of giving back
IDLE = 3  # seconds after the last task in which Celery should have ended by itself; under full load it often does not

logger = get_logger(__name__)


class StopStep(bootsteps.StartStopStep):
    """Ends the worker when it takes too long to stop."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Worker) -> None:
        """Begin to watch for the signals that stop a worker after a bounded time."""
        timeout = parent.app.conf.worker_soft_shutdown_timeout
        self._watch(parent, signal.SIGTERM, timeout)
        # What SIGQUIT means, or the second Ctrl-C, is Celery's own affair, as long as it ends.
        self._watch(parent, signal.SIGQUIT, timeout + PATIENCE)

    def _watch(self, worker: Worker, number: signal.Signals, seconds: float) -> None:
        handle: Any = signal.getsignal(number)

        def begin_to_stop(*arguments: object) -> None:
            # A Thread would wait until it has started, which gevent allows nobody to do in a signal's handler.
            _thread.start_new_thread(end_after, (worker, seconds))
            handle(*arguments)

        signal.signal(number, begin_to_stop)


def end_after(worker: Worker, seconds: float) -> None:
    """Wait for as long as tasks may still run; then give everything back, and end this process and its children."""
    began = busy = now = time.monotonic()
    while now - began < seconds and now - busy < IDLE:
        time.sleep(0.1)
        now = time.monotonic()
        busy = now if _is_busy(worker) else busy
    if now - busy < IDLE:
        running = ", ".join(f"{request.name}[{request.id}]" for request in tuple(state.active_requests))
        logger.warning("ended after %s s; what still ran goes back to its queue: %s", seconds, running or "nothing")
    running_in = {getattr(request, "worker_pid", None) for request in tuple(state.active_requests)}
    pool = process_pool(worker.pool)
    for child in children_of(pool) if pool else ():
        with suppress(OSError):
            os.kill(child.pid, signal.SIGKILL)
        if child.pid in running_in:
            kill_group(child.pid)
    find_broker(worker.app.conf.broker_url).give_back_all_but(set())
    with suppress(Exception):  # a broker that gives back by itself, or is away
        worker.consumer.task_consumer.channel.qos.restore_unacked_once()  # without leases
    for request in tuple(state.active_requests):
        if not request.task.acks_late:
            fail(request)
    shutil.rmtree(get_temp_dir(), ignore_errors=True)  # of the pool's shared memory, which else an exit would delete
    os._exit(0)  # it did stop, and left nothing behind


def fail(request: Request) -> None:
    """Say of a task that was acknowledged when it began, and so runs nowhere again, that it has failed."""
    try:
        raise WorkerLostError("the worker was stopped while the task ran")
    except WorkerLostError:
        information = ExceptionInfo()
    with suppress(Exception):  # servers that are away
        request.on_failure(information)


def _is_busy(worker: Worker) -> bool:
    """Return whether a task runs, or was handed to a child that has not said yet that it runs."""
    pool = process_pool(worker.pool)
    return bool(state.active_requests or (pool and jobs_of(pool)))
