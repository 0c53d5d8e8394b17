"""A task that has failed for good becomes a dead letter, whatever ended it and wherever that was noticed.

Celery sends ``task_failure`` in the child process for an exception, and in the worker's main process for a child that
was killed, for a time limit and for ``Reject``; never for a retry.
"""

from functools import cache
from threading import current_thread, main_thread
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery import Task
from celery.exceptions import Reject
from celery.signals import task_failure
from celery.utils.log import get_logger
from celery.worker.request import Request

from shared.dead_letters import (
    CRASH_LIMIT,
    FAILED,
    KEY_REUSED,
    PAYLOAD,
    REJECTED,
    TIME_LIMIT,
    DeadLetters,
    dead_letter,
    keep_or_log,
    open_dead_letters,
)
from shared.layout import queue_of_task
from shared.leases import flush
from shared.messages import options_of

logger = get_logger(__name__)

# By the name of the exception's class or of one of its bases.
REASONS = {
    "ValidationError": PAYLOAD,
    "PayloadError": PAYLOAD,
    "KeyReusedError": KEY_REUSED,
    WorkerLostError.__name__: CRASH_LIMIT,
    TimeLimitExceeded.__name__: TIME_LIMIT,
    SoftTimeLimitExceeded.__name__: TIME_LIMIT,
    Reject.__name__: REJECTED,
}


@cache
def worker_dead_letters() -> DeadLetters:
    """Return the dead letters, over connections that this process keeps."""
    return open_dead_letters()


def reason_for(error: BaseException) -> str:
    """Return why a task is dead that ended with ``error``."""
    return next((REASONS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in REASONS), FAILED)


def keep_failed_task(
    sender: "Task[Any, Any]", task_id: str, exception: BaseException, args: Any, kwargs: Any, einfo: Any, **_: Any
) -> None:
    """Keep the task ``sender``, which has just failed for good."""
    request: Any = sender.request
    if request.is_eager:
        return  # whoever called it in its own process has the error
    if getattr(request, "is_kept", False):
        return  # a hard time limit is told twice: as such, and as the end of the process
    request.is_kept = True
    delivery = request.delivery_info or {}
    letter = dead_letter(
        reason_for(exception),
        f"{type(exception).__name__}: {exception}",
        task=sender.name,
        task_id=task_id,
        queue=delivery.get("routing_key") or queue_of_task(sender.name),
        arguments=args,
        keywords=kwargs,
        options=options_of(request),
        traceback=str(einfo.traceback) if einfo else "",
        retries=request.retries or 0,
        worker=request.hostname or "",
    )
    keep_or_log(worker_dead_letters(), letter)


class TaskRequest(Request):
    """Celery's request, whose task knows in the main process, too, which message has failed."""

    _context: Any
    acknowledged: bool
    time_limits: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Let a hard time limit below the soft one hold: Celery looks at it only when the soft one is over."""
        super().__init__(*arguments, **options)
        configuration = self.task.app.conf
        hard, soft = self.time_limits
        hard = hard or self.task.time_limit or configuration.task_time_limit
        soft = soft or self.task.soft_time_limit or configuration.task_soft_time_limit
        if hard and soft and hard < soft:
            self.time_limits = (hard, hard)

    def reject(self, requeue: bool = False) -> None:
        """Give the message back, or let the broker forget it: what is not to run again is kept as a dead letter."""
        if requeue:
            super().reject(requeue)
        else:
            self.acknowledge()

    def on_accepted(self, pid: Any, time_accepted: float) -> None:
        """Note that the task begins. One that is acknowledged early is so now, or else a killed worker would undo it.

        Celery acknowledges in the loop's next turn, which with the solo pool comes when the task has ended.
        """
        if not (self.task.acks_late or self.acknowledged) and current_thread() is main_thread():
            self.message.ack_log_error(logger, self.connection_errors)
            self.acknowledged = True
            flush()
        super().on_accepted(pid, time_accepted)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Handle a time limit."""
        self.task.request_stack.push(self._context)
        try:
            super().on_timeout(soft, timeout)
        finally:
            self.task.request_stack.pop()

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Handle whatever ended the task but success."""
        self.task.request_stack.push(self._context)
        try:
            super().on_failure(exc_info, send_failed_event, return_ok)
        except MemoryError:
            # Celery ends the worker for a task that raised it, and the next worker gets the same task.
            if not return_ok:
                raise
            self.acknowledge()
        finally:
            self.task.request_stack.pop()


def keep_failed_tasks() -> None:
    """Let this worker keep its failed tasks."""
    task_failure.connect(keep_failed_task, weak=False)
