"""Tasks that go on with what other tasks returned, for tests of chains, groups and chords; and their contracts."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import chord, current_task, group, shared_task
from celery.signals import before_task_publish
from pydantic import BaseModel

from trinity_celery.contracts import Contract


class Found(BaseModel):
    """What the tasks before returned, and a name for it."""

    found: Any
    name: str


class Text(BaseModel):
    """A text."""

    text: str


class Wait(BaseModel):
    """A file in which each run is noted, and how long a run takes."""

    file: str
    seconds: float


class Spread(BaseModel):
    """Names, and the queues of a chord's header and body."""

    names: list[str]
    header: str
    body: str


@shared_task(ignore_result=False)
def gather(found: Any, name: str) -> dict[str, Any]:
    """Return what was found under a name."""
    return {name: found}


@before_task_publish.connect
def die(sender: str, **_: Any) -> None:
    """End a worker with all its processes once, as it sends the body of a chord, if a test asks for that."""
    file = Path(os.environ.get("DIES_WHILE_IT_IS_THERE", os.devnull))
    if sender == "tests.library.tasks.gathering.gather" and current_task and file.is_file():
        file.unlink()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task(ignore_result=False)
def wait(file: str, seconds: float) -> float:
    """Note that a run begins, and take some time."""
    with Path(file).open("a") as runs:
        runs.write("run\n")
    time.sleep(seconds)
    return seconds


@shared_task(ignore_result=False)
def count_words(text: str) -> int:
    """Return how many words a text has."""
    return len(text.split())


@shared_task
def double(number: int) -> int:
    """Return twice the number, to whoever waits for a whole of which it is a part."""
    return 2 * number


@shared_task(bind=True, ignore_result=False)
def double_all(self: Any, numbers: list[int]) -> Any:
    """Let a group take the place of this task, under its id."""
    return self.replace(group(double.s(number) for number in numbers))


@shared_task(bind=True, ignore_result=False)
def spread(self: Any, names: list[str], header: str, body: str) -> Any:
    """Let a chord take the place of this task, under its id."""
    parts = [gathering(header).signature(Found(found=name, name="name")) for name in names]
    return self.replace(chord(parts, gathering(body).following(name="all")))


def gathering(queue: str) -> Contract[Found]:
    """Return the contract of ``gather`` for a queue."""
    return Contract("tests.library.tasks.gathering.gather", queue, Found)


def counting(queue: str) -> Contract[Text]:
    """Return the contract of ``count_words`` for a queue."""
    return Contract("tests.library.tasks.gathering.count_words", queue, Text)


def waiting(queue: str) -> Contract[Wait]:
    """Return the contract of ``wait`` for a queue."""
    return Contract("tests.library.tasks.gathering.wait", queue, Wait)


def spreading(queue: str) -> Contract[Spread]:
    """Return the contract of ``spread`` for a queue."""
    return Contract("tests.library.tasks.gathering.spread", queue, Spread)
