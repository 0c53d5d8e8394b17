"""What a task has started, such as a browser, ends with its child process when that is killed.

Each child process leads a process group, to which belongs whatever its tasks start. A group is killed when its leader
was: by a time limit, ``revoke(terminate=True)``, the kernel, or a worker that stops. What is to outlive its task begins
a session of its own (``subprocess.Popen(..., start_new_session=True)``). https://github.com/celery/celery/issues/2353
"""

import os
import signal
from contextlib import suppress

from celery import bootsteps
from celery.signals import worker_process_init, worker_shutdown

from trinity_celery._compat.billiard import Child, children_of, was_killed, when_child_has_ended
from trinity_celery._compat.celery import Worker, process_pool


def kill_group(leader: int) -> None:
    """Kill what is in the process group of ``leader``, whether or not that still lives."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class ChildrenStep(bootsteps.StartStopStep):
    """Looks after the process groups of a prefork pool."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Worker) -> None:
        """End the group of every child that is killed from now on."""
        pool = process_pool(parent.pool)
        if pool is None:
            return

        def end_group(child: Child) -> None:
            if was_killed(child):
                kill_group(child.pid)

        def end_groups(**_: object) -> None:
            for child in children_of(pool):
                end_group(child)

        when_child_has_ended(pool, end_group)
        worker_shutdown.connect(end_groups, weak=False)  # but not at a cold shutdown


def prepare_children() -> None:
    """Let the child processes of this process's workers lead groups."""
    main = os.getpid()

    def lead_group(**_: object) -> None:
        if os.getpid() != main:  # the solo pool sends the signal, too
            os.setpgid(0, 0)

    worker_process_init.connect(lead_group, weak=False)
