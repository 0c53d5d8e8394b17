"""What a worker keeps in memory: its children, which are forked from it, share what they never write to."""

import gc
from contextlib import suppress

from celery.signals import celeryd_after_setup

from trinity_celery._compat.billiard import get_pdeathsig


def share_memory(**_: object) -> None:
    """Set aside everything that was loaded: the garbage collector then neither visits it nor writes to its pages.

    Without this, every collection in a child copies what it shares, and the one before each fork visits it all.
    Once is enough, and safe: what dies later is not set aside. https://docs.python.org/3/library/gc.html#gc.freeze
    """
    # Each child asks for the signal of its parent's death; what that loads is better loaded once.
    with suppress(OSError):
        get_pdeathsig()
    gc.collect()
    gc.freeze()
    gc.enable()


def prepare_memory() -> None:
    """Do so in every worker of this process, when all its modules are loaded and before it forks."""
    celeryd_after_setup.connect(share_memory)
