"""What becomes of the tasks of messages that no worker is to run: whoever asks for their state gets to know it."""

from collections.abc import Callable
from functools import partial

from billiard.exceptions import WorkerLostError
from celery import Celery
from celery.app.task import Context
from celery.exceptions import InvalidTaskError, NotRegistered, Reject
from celery.utils.log import get_logger
from kombu.message import Message

from trinity_celery.connections.timeouts import UNREACHABLE
from trinity_celery.dead_letters.store import DeadLetter
from trinity_celery.messages.decoding import decode
from trinity_celery.messages.reasons import CRASH_LIMIT, REJECTED, UNKNOWN_TASK

ERRORS: dict[str, type[Exception]] = {CRASH_LIMIT: WorkerLostError, REJECTED: Reject}

logger = get_logger(__name__)


def mark_as_failed(app: Celery, letter: DeadLetter, message: Message) -> None:
    """Note that the task of ``message`` has failed, and let the chain or the chord that waits for it fail, too.

    Raises:
        Exception: what the clients of the result backend and of the broker raise when they are away.
    """
    if letter.task_id is None:
        return
    decoded = decode(message)
    request = Context({"task": letter.task}) if decoded.problem else decoded.context
    error = ERRORS.get(letter.reason, InvalidTaskError)(letter.error)
    if letter.reason == UNKNOWN_TASK:
        error = NotRegistered(letter.task)
    _note(partial(app.backend.mark_as_failure, letter.task_id, error, request=request), letter.task_id)


def mark_as_expired(app: Celery, request: Context) -> None:
    """Note that the task of ``request`` has come too late to run, as a worker does that finds it in its queue.

    Raises:
        Exception: what the clients of the result backend and of the broker raise when they are away.
    """
    _note(partial(app.backend.mark_as_revoked, str(request.id), "expired", request=request), request.id)


def _note(note: Callable[[], object], task_id: object) -> None:
    try:
        note()
    except UNREACHABLE:
        raise
    except Exception as error:  # a chord, for example, may be described in a way that nobody understands
        logger.warning("task %s: its status cannot be kept: %s: %s", task_id, type(error).__name__, error)
