"""Send a task to whichever service owns it, with a bound on how long that may take.

Celery's own ``delay`` blocks while the broker is away: for seconds if it refuses, without end if it is frozen. Here
the message is published by a thread of a small pool, and the caller waits for it no longer than ``DEADLINE``.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import uuid4

from celery import current_app, current_task
from celery.utils.log import get_logger
from kombu.exceptions import KombuError
from pydantic import BaseModel
from redis.exceptions import RedisError

from shared.database import Database, any_database, open_database
from shared.idempotency import HEADER, MAX_KEY_LENGTH
from shared.outbox import Message, UnsendableError, relay, write_down
from shared.payloads import check_size, shown_arguments
from shared.queue_limit import queue_limit, waiting_tasks
from shared.task_status import forget_task, note_task
from shared.tasks import refuse_long_delay

DEADLINE = 1.5  # seconds

# What a broker or a result backend that is away makes their clients raise; Celery adds RuntimeError.
UNREACHABLE = (KombuError, RedisError, OSError, RuntimeError)

Payload = TypeVar("Payload", bound=BaseModel)
Result = TypeVar("Result")

logger = get_logger(__name__)

_threads: ThreadPoolExecutor | None = None


class BrokerUnavailableError(RuntimeError):
    """The task could not be handed to the broker in time; the HTTP answer to this is 503."""


class QueueFullError(BrokerUnavailableError):
    """So many tasks wait in the queue that the sender had better come back later."""


def sender_pool() -> ThreadPoolExecutor:
    """Return the threads that talk to the broker; waiting there, they take none that answer other requests."""
    global _threads
    if _threads is None:
        _threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sender")
    return _threads


def _forget_pool() -> None:
    global _threads
    _threads = None


os.register_at_fork(after_in_child=_forget_pool)


def within_deadline(call: Callable[[], Result]) -> Result:
    """Run ``call`` in a thread and return what it returns.

    Raises:
        BrokerUnavailableError: it raised, or took longer than ``DEADLINE`` seconds.
    """
    future = sender_pool().submit(call)
    try:
        return future.result(DEADLINE)
    except QueueFullError:
        raise
    except UNREACHABLE as error:
        raise _unavailable(future, error) from error


async def within_deadline_async(call: Callable[[], Result]) -> Result:
    """Do the same as ``within_deadline`` without blocking the event loop."""
    future = sender_pool().submit(call)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), DEADLINE)
    except QueueFullError:
        raise
    except UNREACHABLE as error:
        raise _unavailable(future, error) from error


def _unavailable(future: "Future[Any]", error: BaseException) -> BrokerUnavailableError:
    if isinstance(error, TimeoutError) and not future.done():
        future.cancel()
        return BrokerUnavailableError(f"no answer within {DEADLINE} s")
    # Celery says on several lines what the first sentence says.
    return BrokerUnavailableError(" ".join(str(error).split()).partition(". ")[0] or type(error).__name__)


@dataclass(frozen=True)
class Contract(Generic[Payload]):
    """A task that may be started from anywhere in the project, by name, without importing the code that runs it.

    Attributes:
        name: the name under which the owner's worker registers the task.
        queue: where it goes.
        payload: the model whose fields are the task's arguments.
        keeps_result: whether the sender may ask for its status and result.
        key: what of a payload says that two sendings mean the same (``shared/idempotency.py``); by default each sending
            stands for itself.
        outbox: write the message into the sender's database first (``shared/outbox.py``), so that neither a crash nor
            a missing broker can lose it.
    """

    name: str
    queue: str
    payload: type[Payload]
    keeps_result: bool = True
    key: Callable[[Any], str] | None = None
    outbox: bool = False

    def send(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Send the task and return its id.

        While a transaction of this process's database is open, the task waits for its commit, and is forgotten if it
        is rolled back.

        Args:
            payload: the arguments.
            task_id: an id of the caller's own; by default a new one.
            countdown: seconds before the task may start.
            eta: when the task may start, with a time zone.
            idempotency_key: sendings with the same key mean the same; by default what the contract's ``key`` says.

        Raises:
            BrokerUnavailableError: the broker did not take the task in time; one that was frozen may take it later.
                Raised by the commit if one is waited for, and never for a contract with an outbox.
            QueueFullError: too many tasks wait in the queue; it is a ``BrokerUnavailableError``, too.
            MessageTooLargeError: the payload is larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: ``countdown`` or ``eta`` lies too far ahead, or the key is too long.
        """
        message = self._message(payload, task_id, countdown, eta, idempotency_key)
        publish = partial(publish_message, _app(), message)
        if self.outbox and (database := any_database()):
            _send_through_outbox(database, message)
        elif database := open_database():
            database.after_commit(partial(_send_now, publish))
        else:
            _send_now(publish)
        return str(message["task_id"])

    async def send_async(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Do the same as ``send`` without blocking the event loop."""
        if self.outbox or open_database():
            send = partial(self.send, task_id=task_id, countdown=countdown, eta=eta, idempotency_key=idempotency_key)
            return await asyncio.to_thread(send, payload)
        message = self._message(payload, task_id, countdown, eta, idempotency_key)
        return await within_deadline_async(partial(publish_message, _app(), message))

    def _message(
        self,
        payload: Payload,
        task_id: str | None,
        countdown: float | None,
        eta: datetime | None,
        idempotency_key: str | None,
    ) -> Message:
        """Return the task as data that JSON can hold."""
        refuse_long_delay(_app(), countdown, eta)
        if countdown is not None:
            eta = datetime.now(UTC) + timedelta(seconds=countdown)
        key = idempotency_key or (self.key(payload) if self.key else None)
        if key and len(key) > MAX_KEY_LENGTH:
            raise ValueError(f"{self.name}: a key of {len(key)} characters: use at most {MAX_KEY_LENGTH}")
        arguments = payload.model_dump(mode="json")
        check_size(self.name, (), arguments)
        sender = current_task.request if current_task else None
        return {
            "name": self.name,
            "kwargs": arguments,
            "task_id": task_id or str(uuid4()),
            "queue": self.queue,
            "eta": eta.isoformat() if eta else None,
            "headers": {HEADER: key} if key else {},
            "ignore_result": not self.keeps_result,
            # Celery would find these out by itself, but not later, when a commit or a relay sends the message.
            "parent_id": sender.id if sender else None,
            "root_id": (sender.root_id or sender.id) if sender else None,
        }


def _app() -> Any:
    return current_app._get_current_object()  # type: ignore[attr-defined]


def _send_now(publish: Callable[[], str]) -> str:
    # Nobody waits for an answer in a worker, where Celery also has to know which task this one came from.
    return publish() if current_task else within_deadline(publish)


def publish_message(app: Any, message: Message) -> str:
    """Send what ``Contract.send`` has prepared, however long the broker takes, and return the task's id.

    Raises:
        QueueFullError: too many tasks wait in the queue; not raised within a task, which is not stopped half way.
    """
    limit = 0 if current_task else queue_limit()
    if limit and waiting_tasks(app, message["queue"]) >= limit:
        raise QueueFullError(f"{message['queue']} holds {limit} tasks or more already (CELERY_QUEUE_LIMIT)")
    task_id, keeps_result = message["task_id"], not message["ignore_result"]
    eta = datetime.fromisoformat(message["eta"]) if message["eta"] else None
    # Noted before it is sent: a worker may be done before this thread gets to run again.
    if keeps_result:
        note_task(app, task_id)
    try:
        app.send_task(**{**message, "eta": eta}, **shown_arguments((), message["kwargs"]))
    except Exception:
        if keeps_result:
            forget_task(app, task_id)
        raise
    return str(task_id)


def _send_through_outbox(database: Database, message: Message) -> None:
    with database.transaction():
        write_down(database, message)
        database.after_commit(partial(_empty_outbox, database, _app()))


def _empty_outbox(database: Database, app: Any) -> None:
    """Send what waits, this transaction's messages among it; what cannot be sent now is left to a relay."""
    try:
        relay_outbox(database, app, seconds=DEADLINE)
    except Exception as error:  # the commit has succeeded, and nothing that goes wrong now may look as if it had not
        logger.warning("%s: messages stay in the outbox: %s", database.prefix, error)


def relay_outbox(database: Database, app: Any = None, *, seconds: float = float("inf")) -> int:
    """Send what waits in the outbox of ``database``, and return how many messages were sent.

    Args:
        database: where the outbox is.
        app: the Celery app through which to send; by default this process's.
        seconds: when to begin no further message.

    Raises:
        BrokerUnavailableError: the broker did not take a message in time; the rest waits.
    """
    celery_app = app or _app()

    def publish(message: Message) -> None:
        try:
            within_deadline(partial(publish_message, celery_app, message))
        except QueueFullError as error:  # which must not hold up what is for other queues
            raise UnsendableError(str(error)) from error

    return relay(database, publish, unavailable=BrokerUnavailableError, seconds=seconds)
