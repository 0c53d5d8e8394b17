"""Functions that Celery would call and never run, as tasks, for tests of the processes that refuse them."""

from collections.abc import AsyncIterator, Iterator

from celery import Task, shared_task


@shared_task
async def fetch() -> None:
    """Do nothing, in time."""


@shared_task(bind=True)
def one_by_one(self: object) -> Iterator[int]:
    """Yield a number."""
    yield 1


@shared_task(base=Task, autoretry_for=(LookupError,))
async def as_they_come() -> AsyncIterator[int]:
    """Yield a number."""
    yield 1
