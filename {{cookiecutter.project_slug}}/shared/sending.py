"""Send a task to whichever service owns it, with a bound on how long that may take.

Celery's own ``delay`` blocks while the broker is away: for seconds if it refuses, without end if it is frozen. Here
the message is published by a thread of a small pool, and the caller waits for it no longer than ``DEADLINE``.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import uuid4

from celery import current_app, current_task
from kombu.exceptions import KombuError
from pydantic import BaseModel
from redis.exceptions import RedisError

from shared.task_status import forget_task, note_task
from shared.tasks import refuse_long_delay

DEADLINE = 1.5  # seconds

# What a broker or a result backend that is away makes their clients raise; Celery adds RuntimeError.
UNREACHABLE = (KombuError, RedisError, OSError, RuntimeError)

Payload = TypeVar("Payload", bound=BaseModel)
Result = TypeVar("Result")

_threads: ThreadPoolExecutor | None = None


class BrokerUnavailableError(RuntimeError):
    """The task could not be handed to the broker in time; the HTTP answer to this is 503."""


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
    except UNREACHABLE as error:
        raise _unavailable(future, error) from error


async def within_deadline_async(call: Callable[[], Result]) -> Result:
    """Do the same as ``within_deadline`` without blocking the event loop."""
    future = sender_pool().submit(call)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), DEADLINE)
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
    """

    name: str
    queue: str
    payload: type[Payload]
    keeps_result: bool = True

    def send(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
    ) -> str:
        """Send the task and return its id.

        Args:
            payload: the arguments.
            task_id: an id of the caller's own; by default a new one.
            countdown: seconds before the task may start.
            eta: when the task may start, with a time zone.

        Raises:
            BrokerUnavailableError: the broker did not take the task in time; one that was frozen may take it later.
            ValueError: ``countdown`` or ``eta`` lies too far ahead.
        """
        publish = self._publisher(payload, task_id, countdown, eta)
        # Nobody waits for an answer in a worker, where Celery also has to know which task this one came from.
        return publish() if current_task else within_deadline(publish)

    async def send_async(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
    ) -> str:
        """Do the same as ``send`` without blocking the event loop."""
        return await within_deadline_async(self._publisher(payload, task_id, countdown, eta))

    def _publisher(
        self, payload: Payload, task_id: str | None, countdown: float | None, eta: datetime | None
    ) -> Callable[[], str]:
        app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
        refuse_long_delay(app, countdown, eta)
        identifier = task_id or str(uuid4())
        arguments = payload.model_dump(mode="json")

        def publish() -> str:
            # Noted before it is sent: a worker may be done before this thread gets to run again.
            if self.keeps_result:
                note_task(app, identifier)
            try:
                app.send_task(
                    self.name,
                    kwargs=arguments,
                    task_id=identifier,
                    queue=self.queue,
                    countdown=countdown,
                    eta=eta,
                    ignore_result=not self.keeps_result,
                )
            except Exception:
                if self.keeps_result:
                    forget_task(app, identifier)
                raise
            return identifier

        return publish
