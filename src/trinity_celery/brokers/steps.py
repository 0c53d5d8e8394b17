"""One core for both flavours of a publisher: a generator decides what to do next, and does none of it itself."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import TypeVar

Step = TypeVar("Step")
Reply = TypeVar("Reply")


def run(steps: Generator[Step, Reply, None], perform: Callable[[Step], Reply]) -> None:
    """Do what ``steps`` yields, one after the other.

    Args:
        steps: gets what ``perform`` returned, or what it raised.
        perform: does one step.

    Raises:
        Exception: whatever ``steps`` lets out.
    """
    with suppress(StopIteration):
        step = next(steps)
        while True:
            try:
                reply = perform(step)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(reply)


async def run_async(steps: Generator[Step, Reply, None], perform: Callable[[Step], Awaitable[Reply]]) -> None:
    """Do the same without blocking the event loop."""
    with suppress(StopIteration):
        step = next(steps)
        while True:
            try:
                reply = await perform(step)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(reply)
