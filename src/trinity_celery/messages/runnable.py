"""What Celery can run: functions that have done their work when they return.

It calls a coroutine function or a generator function, gets an object that has not begun to run, drops it, and says
that the task succeeded. https://github.com/celery/celery/issues/6552
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import cache
from types import GeneratorType
from typing import Any

from kombu.exceptions import EncodeError

from trinity_celery._compat.celery import AnyTask, decorated_function
from trinity_celery.errors import UnrunnableTaskError

KINDS: tuple[tuple[Callable[[object], bool], str, str], ...] = (
    (inspect.iscoroutinefunction, "a coroutine function", "make it a function that calls asyncio.run(...)"),
    (inspect.isasyncgenfunction, "an asynchronous generator function", "make it a function that returns a list"),
    (inspect.isgeneratorfunction, "a generator function", "make it a function that returns a list"),
)


def find_problem(task: AnyTask) -> str | None:
    """Return in one line why ``task`` cannot run, or ``None``."""
    kind: object = type(task)
    return _problem_of(kind)


@cache
def _problem_of(kind: Any) -> str | None:
    functions: tuple[Any, ...] = (decorated_function(kind), kind.run)
    for function in functions:
        for form in (function, type(function).__call__):  # or it is an object that can be called
            for is_one, what, instead in KINDS:
                if is_one(form):
                    code = form.__code__
                    place = f"{code.co_filename}:{code.co_firstlineno}"
                    return f"{kind.name} ({place}): {what} cannot be a task, as Celery never runs it: {instead}"
    return None


def check_runnable(task: AnyTask | None) -> None:
    """Refuse to send what would not run; a task that only others know is taken as it is.

    Raises:
        UnrunnableTaskError: Celery cannot run its function.
    """
    if task is not None and (problem := find_problem(task)):
        raise UnrunnableTaskError(problem)


def refuse_unrunnable_tasks(tasks: Iterable[AnyTask]) -> None:
    """Let no process start with such a task.

    Raises:
        SystemExit: there is one.
    """
    for task in tasks:
        if problem := find_problem(task):
            raise SystemExit(f"error: {problem}")


def check_result(result: object) -> None:
    """Refuse what a function returned instead of doing its work, as one does that some decorator has wrapped.

    Raises:
        EncodeError: ``result`` still has to be run. Celery lets a task fail that has returned what cannot be encoded.
    """
    parts = result if isinstance(result, list | tuple) else (result,)
    unrun = [part for part in parts if isinstance(part, Iterator | AsyncIterator) or inspect.isawaitable(part)]
    for part in unrun:
        if isinstance(part, GeneratorType) or inspect.iscoroutine(part):
            part.close()  # or Python warns that nobody awaited it
    if unrun:
        kind = type(unrun[0]).__name__
        raise EncodeError(f"the task returned {kind}, which nobody runs: return what comes out of it")
