"""A task that has failed for good becomes a dead letter, whatever ended it and wherever that was noticed.

Celery sends ``task_failure`` in the child process for an exception, and in the worker's main process for a child that
was killed, for a time limit and for ``Reject``; never for a retry.
"""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from billiard.einfo import ExceptionInfo
from billiard.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery import Celery
from celery.exceptions import Reject
from celery.signals import task_failure

from trinity_celery._compat.celery import AnyTask
from trinity_celery.config.runtime import runtime_of
from trinity_celery.dead_letters.letters import queue_of_key
from trinity_celery.dead_letters.store import DeadLetters, dead_letter, keep_or_log, open_dead_letters
from trinity_celery.messages.decoding import options_of
from trinity_celery.messages.reasons import CRASH_LIMIT, FAILED, KEY_REUSED, PAYLOAD, REJECTED, TIME_LIMIT

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


_opened: WeakKeyDictionary[Celery, DeadLetters] = WeakKeyDictionary()


def worker_dead_letters(app: Celery) -> DeadLetters:
    """Return the dead letters of the project of ``app``, over connections that this process keeps."""
    if app not in _opened:
        _opened[app] = open_dead_letters(app)
    return _opened[app]


def reason_for(error: BaseException) -> str:
    """Return why a task is dead that ended with ``error``."""
    return next((REASONS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in REASONS), FAILED)


def keep_failed_task(
    sender: AnyTask,
    task_id: str,
    exception: BaseException,
    args: Iterable[object],
    kwargs: dict[str, object],
    einfo: ExceptionInfo | None,
    **_: object,
) -> None:
    """Keep the task ``sender``, which has just failed for good."""
    request: Any = sender.request
    if request.is_eager:
        return  # whoever called it in its own process has the error
    if getattr(request, "is_kept", False):
        return  # a hard time limit is told twice: as such, and as the end of the process
    request.is_kept = True
    runtime = runtime_of(sender.app)
    key = (request.delivery_info or {}).get("routing_key")
    letter = dead_letter(
        reason_for(exception),
        f"{type(exception).__name__}: {exception}",
        task=sender.name,
        task_id=task_id,
        queue=queue_of_key(runtime, key) or runtime.project.queue_of_task(sender.name),
        arguments=args,
        keywords=kwargs,
        options=options_of(request),
        traceback=str(einfo.traceback) if einfo else "",
        retries=request.retries or 0,
        worker=request.hostname or "",
    )
    keep_or_log(worker_dead_letters(sender.app), letter)


def keep_failed_tasks() -> None:
    """Let this worker keep its failed tasks."""
    task_failure.connect(keep_failed_task, weak=False)
