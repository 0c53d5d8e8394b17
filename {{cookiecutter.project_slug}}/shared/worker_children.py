"""What a task has started, such as a browser, ends with its child process when that is killed.

Each child process leads a process group, to which belongs whatever its tasks start. A group is killed when its leader
was: by a time limit, ``revoke(terminate=True)``, the kernel, or a worker that stops. What is to outlive its task begins
a session of its own (``subprocess.Popen(..., start_new_session=True)``). https://github.com/celery/celery/issues/2353
"""

import os
import signal
from contextlib import suppress
from typing import Any

from billiard.pool import EX_OK, EX_RECYCLE
from celery import bootsteps
from celery.signals import worker_process_init, worker_shutdown


def kill_group(leader: int) -> None:
    """Kill what is in the process group of ``leader``, whether or not that still lives."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class ChildrenStep(bootsteps.StartStopStep):
    """Looks after the process groups of a prefork pool."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """End the group of every child that is killed from now on."""
        pool = getattr(parent.pool, "_pool", None)
        flush = getattr(pool, "process_flush_queues", None)
        if pool is None or flush is None:
            return  # no child processes

        def end_group(child: Any) -> None:
            if child.exitcode not in (None, EX_OK, EX_RECYCLE):
                kill_group(child.pid)

        def flush_and_end(child: Any) -> None:
            end_group(child)
            flush(child)

        def end_groups(**_: Any) -> None:
            for child in pool._pool:
                end_group(child)

        pool.process_flush_queues = flush_and_end  # called for each child that has ended
        worker_shutdown.connect(end_groups, weak=False)  # but not at a cold shutdown


def prepare_children() -> None:
    """Let the child processes of this process's workers lead groups."""
    main = os.getpid()

    def lead_group(**_: Any) -> None:
        if os.getpid() != main:  # the solo pool sends the signal, too
            os.setpgid(0, 0)

    worker_process_init.connect(lead_group, weak=False)
