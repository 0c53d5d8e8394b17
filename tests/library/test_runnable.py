"""A task that Celery would report as done without having run it is refused, wherever it is met."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from celery import Celery, Task
from kombu.exceptions import EncodeError

from tests.library.harness import QUEUE, letters_of, sender_for, wait_for_letter
from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.dead_letters import Replay
from trinity_celery.errors import UnrunnableTaskError
from trinity_celery.messages.runnable import check_result
from trinity_celery.testing.processes import Processes
from trinity_celery.worker import BaseTask

pytestmark = pytest.mark.only("redis")


async def coroutine() -> None: ...


def generator() -> Any:
    yield


async def asynchronous_generator() -> Any:
    yield


async def bound(self: Any) -> None: ...


class Callable_:  # noqa: N801
    """What can be called, and returns a coroutine."""

    __name__: str = "callable"
    __qualname__ = "callable"

    async def __call__(self) -> None: ...


class AsClass(BaseTask):
    """A task that is a class."""

    name = "as-class"

    async def run(self) -> None: ...


@pytest.mark.parametrize("base", [Task, BaseTask])
@pytest.mark.parametrize(
    ("function", "options", "what"),
    [
        (coroutine, {}, "a coroutine function cannot be a task"),
        (coroutine, {"autoretry_for": (LookupError,)}, "a coroutine function cannot be a task"),
        (coroutine, {"pydantic": True}, "a coroutine function cannot be a task"),
        (bound, {"bind": True}, "a coroutine function cannot be a task"),
        (generator, {}, "a generator function cannot be a task"),
        (asynchronous_generator, {}, "an asynchronous generator function cannot be a task"),
        (Callable_(), {"typing": False}, "a coroutine function cannot be a task"),
    ],
)
def test_it_is_not_sent(function: Any, options: dict[str, Any], what: str, base: Any) -> None:
    app: Any = sender_for({})
    task = app.task(function, name="tests.it", base=base, shared=False, **options)
    send: list[Callable[[], Any]] = [
        task.delay,
        partial(app.send_task, "tests.it", queue=QUEUE),
        app.signature("tests.it", queue=QUEUE).apply_async,
    ]
    for attempt in send:
        with pytest.raises(UnrunnableTaskError, match=what) as refused:
            attempt()
        assert str(refused.value).startswith(f"tests.it ({__file__}:")


def test_a_class_whose_run_is_a_coroutine_function_is_not_sent() -> None:
    app = sender_for({})
    with pytest.raises(UnrunnableTaskError, match=r"as-class .*: a coroutine function cannot be a task"):
        app.register_task(AsClass()).delay()


def run(*command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, **options
    )


def test_worker_does_not_start_with_it(broker: Processes) -> None:
    options = ("trinity_celery", "worker", QUEUE, "--include", "tests.library.tasks.unrunnable")
    done = run("-m", *options, env=broker.environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: tests.library.tasks.unrunnable.fetch ({ROOT}/tests/library/tasks/unrunnable.py:8): "
        "a coroutine function cannot be a task, as Celery never runs it: make it a function that calls asyncio.run(...)"
    )
    assert "Traceback" not in done.stderr


def test_app_that_knows_it_is_not_finalized() -> None:
    code = f"import {PROJECT.services[0].celery_app} as app, tests.library.tasks.unrunnable; app.celery_app.finalize()"
    done = run("-c", code)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: tests.library.tasks.unrunnable.")


def test_result_that_nobody_runs_is_a_failure(start_worker: Callable[..., Celery], broker: Processes) -> None:
    """A decorator may hide what kind of function a task has."""
    app = start_worker(QUEUE, "never", "--include tests.library.tasks.waiting")
    result = app.send_task("tests.library.tasks.waiting.never", queue=QUEUE)
    letter = wait_for_letter(
        Replay(letters_of(broker), app), broker.log("never"), task="tests.library.tasks.waiting.never"
    )
    assert letter.task_id == result.id
    assert letter.error == "EncodeError: the task returned coroutine, which nobody runs: return what comes out of it"
    assert result.state == "FAILURE"
    assert "never awaited" not in broker.log("never").read_text()


@pytest.mark.parametrize("result", [map(str, [1]), [asyncio.sleep(0)], (zip([1]), 2), reversed([1])])
def test_what_still_has_to_be_run_is_no_result(result: Any) -> None:
    with pytest.raises(EncodeError, match="which nobody runs"):
        check_result(result)


@pytest.mark.parametrize("result", [None, "text", [1, [2]], {"a": iter([])}.keys()])
def test_everything_else_is_left_to_the_serializer(result: Any) -> None:
    check_result(result)
