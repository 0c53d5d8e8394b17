"""Calls to a server that may be away, bounded so that whoever waits for them gets an answer in time."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from trinity_celery.errors import BrokerUnavailableError

DEADLINE = 1.5  # seconds
NO_ANSWER = f"no answer within {DEADLINE} s"

# What a broker or a result backend that is away makes their clients raise; Celery adds RuntimeError.
UNREACHABLE = (KombuError, RedisError, OSError, RuntimeError)

Result = TypeVar("Result")

_threads: ThreadPoolExecutor | None = None


@contextmanager
def unreachable_is_unavailable() -> Iterator[None]:
    """Turn what clients raise into a ``BrokerUnavailableError``, which says in one line what is wrong."""
    try:
        yield
    except BrokerUnavailableError:
        raise
    except TimeoutError as error:
        raise BrokerUnavailableError(NO_ANSWER) from error
    except UNREACHABLE as error:
        # Celery says on several lines what the first sentence says.
        problem = " ".join(str(error).split()).partition(". ")[0]
        raise BrokerUnavailableError(problem or type(error).__name__) from error


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


def within_deadline(call: Callable[[], Result], seconds: float = DEADLINE) -> Result:
    """Run ``call`` in a thread, and wait for it no longer than the deadline. The thread is not stopped.

    Args:
        call: what may take too long.
        seconds: how long to wait.

    Returns:
        what ``call`` returned.

    Raises:
        BrokerUnavailableError: it took longer, or raised what clients raise whose server is away.
        Exception: whatever else ``call`` raises.
    """
    future = sender_pool().submit(call)
    try:
        with unreachable_is_unavailable():
            return future.result(seconds)
    finally:
        future.cancel()  # of use if it has not begun


async def within_deadline_async(call: Callable[[], Result]) -> Result:
    """Do the same as ``within_deadline`` without blocking the event loop, and wait for 1.5 seconds.

    Args:
        call: what may take too long.
    """
    future = sender_pool().submit(call)
    try:
        with unreachable_is_unavailable():
            return await asyncio.wait_for(asyncio.wrap_future(future), DEADLINE)
    finally:
        future.cancel()
