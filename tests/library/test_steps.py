"""Both flavours of a publisher do the steps of one core: it gets replies and errors alike."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from trinity_celery.brokers.steps import run, run_async

Flavour = Callable[[Generator[str, int, None], Callable[[str], int]], None]


def as_async(steps: Generator[str, int, None], perform: Callable[[str], int]) -> None:
    async def answer(step: str) -> int:
        await asyncio.sleep(0)
        return perform(step)

    performing: Callable[[str], Awaitable[int]] = answer
    asyncio.run(run_async(steps, performing))


both = pytest.mark.parametrize("flavour", [run, as_async], ids=["blocking", "async"])


@both
def test_replies_reach_the_steps_in_order(flavour: Flavour) -> None:
    seen: list[Any] = []

    def steps() -> Generator[str, int, None]:
        seen.append((yield "one"))
        seen.append((yield "four"))

    flavour(steps(), len)
    assert seen == [3, 4]


@both
def test_steps_may_go_on_after_an_error(flavour: Flavour) -> None:
    done: list[str] = []

    def steps() -> Generator[str, int, None]:
        try:
            yield "bad"
        except ValueError:
            yield "instead"

    def perform(step: str) -> int:
        if step == "bad":
            raise ValueError
        done.append(step)
        return 0

    flavour(steps(), perform)
    assert done == ["instead"]


@both
def test_error_that_the_steps_do_not_handle_is_let_out_after_they_have_cleaned_up(flavour: Flavour) -> None:
    done: list[str] = []

    def steps() -> Generator[str, int, None]:
        try:
            yield "bad"
        except ValueError:
            yield "clean up"
            raise

    def perform(step: str) -> int:
        done.append(step)
        if step == "bad":
            raise ValueError
        return 0

    with pytest.raises(ValueError):
        flavour(steps(), perform)
    assert done == ["bad", "clean up"]


def test_cancelled_steps_clean_up() -> None:
    done: list[str] = []

    def steps() -> Generator[str, None, None]:
        try:
            yield "wait"
        except BaseException:
            yield "clean up"
            raise

    async def perform(step: str) -> None:
        done.append(step)
        if step == "wait":
            await asyncio.sleep(60)

    async def main() -> None:
        async with asyncio.timeout(0.05):
            await run_async(steps(), perform)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert done == ["wait", "clean up"]
