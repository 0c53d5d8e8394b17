"""What the library uses of billiard's private names. Billiard has no documentation of its own."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from billiard.pool import EX_OK, EX_RECYCLE
from billiard.util import get_pdeathsig  # type: ignore[attr-defined]

from trinity_celery._compat import Names

if TYPE_CHECKING:
    from billiard.pool import Pool

__all__ = ["Child", "children_of", "get_pdeathsig", "jobs_of", "was_killed", "when_child_has_ended"]

CALLED: Names = {
    "billiard.pool": ("EX_OK", "EX_RECYCLE"),
    "billiard.pool:Pool": ("_cache", "_pool"),
    "billiard.process:BaseProcess": ("exitcode", "pid"),
    "billiard.util": ("get_pdeathsig()",),
}

OVERRIDDEN: Names = {
    "billiard.pool:Pool": ("process_flush_queues(worker)",),
    "celery.concurrency.asynpool:AsynPool": ("process_flush_queues(proc)",),
}


class Child(Protocol):
    """A child process that was started; ``exitcode`` is ``None`` while it lives."""

    @property
    def pid(self) -> int: ...

    @property
    def exitcode(self) -> int | None: ...


def children_of(pool: "Pool") -> Sequence[Child]:
    """Return the child processes of ``pool``. Uses ``Pool._pool``, as nothing public lists them."""
    children: Sequence[Child] = pool._pool  # type: ignore[attr-defined]
    return children


def jobs_of(pool: "Pool") -> Collection[object]:
    """Return what was handed to ``pool`` and is not done. Uses ``Pool._cache``, as nothing public lists it."""
    jobs: Collection[object] = pool._cache  # type: ignore[attr-defined]
    return jobs


def was_killed(child: Child) -> bool:
    """Return whether a child process has ended, and not by itself. Uses the pool's undocumented exit statuses."""
    return child.exitcode not in (None, EX_OK, EX_RECYCLE)


def when_child_has_ended(pool: "Pool", act: Callable[[Child], object]) -> None:
    """Call ``act`` with each child process of ``pool`` that has ended, before its queues are flushed.

    Replaces ``Pool.process_flush_queues``, which the pool calls for each of them: Celery's
    ``worker_process_shutdown`` is sent in the child, and not if that was killed.
    """
    flush = pool.process_flush_queues

    def act_and_flush(child: Child) -> None:
        act(child)
        flush(child)

    pool.process_flush_queues = act_and_flush  # type: ignore[assignment,method-assign]
