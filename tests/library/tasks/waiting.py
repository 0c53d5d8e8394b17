"""Tasks that say when they began, for tests of all ways in which a task may be late."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import shared_task

from trinity_celery.worker import retry_on

TWENTY_A_SECOND: dict[str, Any] = {"shared_rate_limit": "20/s"}
RETRY: dict[str, Any] = {**retry_on(LookupError), "retry_backoff": 0.3}


@shared_task(ignore_result=False)
def begin() -> float:
    """Return when this ran, in seconds since 1970."""
    return time.time()


@shared_task(bind=True, ignore_result=False)
def begin_again(self: Any, seconds: float) -> float:
    """Try once more after some seconds, and return when that was."""
    if not self.request.retries:
        raise self.retry(countdown=seconds)
    return time.time()


@shared_task(bind=True, ignore_result=False, **RETRY)
def back_off(self: Any) -> int:
    """Fail twice, and return how often this was tried again."""
    if self.request.retries < 2:
        raise LookupError
    return int(self.request.retries)


@shared_task(ignore_result=False, rate_limit="20/s")
def begin_at_a_rate() -> float:
    """Return when this ran, of which each worker lets so many a second begin."""
    return time.time()


@shared_task(ignore_result=False, **TWENTY_A_SECOND)
def begin_in_turn() -> float:
    """Return when this ran, of which all workers together let so many a second begin."""
    return time.time()


def left_alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hide what kind of function this is."""

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@shared_task
@left_alone
async def never() -> None:
    """Do what nobody awaits."""
