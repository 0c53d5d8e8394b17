"""Chains, groups and chords whose tasks run on workers of two queues."""

import gc
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chord, group
from celery.exceptions import ChordError
from pydantic import BaseModel

from tests.library.harness import letters_of, wait_for_letter, wait_for_success
from tests.library.shop.contracts import PINGS, Ping
from tests.library.shop.queues import PROJECT
from tests.library.tasks.gathering import Spread, Text, Wait, counting, gathering, spreading, waiting
from trinity_celery.contracts import Contract
from trinity_celery.dead_letters import Replay
from trinity_celery.messages import read_status
from trinity_celery.testing.processes import Processes

ORDERS, MAIL = PROJECT.queue_names()
WORKERS = {queue: f"canvas-{queue}" for queue in (ORDERS, MAIL)}

COUNTS = [2, 3]


class Fail(BaseModel):
    """How to fail as long as a file is there."""

    file: str


FAIL = Contract("trinity_celery.testing.tasks.fail", MAIL, Fail)


def start(broker: Processes, queue: str) -> None:
    """Start the worker of a queue. What a killed one had comes back soon."""
    modules = "tests.library.tasks.gathering,trinity_celery.testing.tasks"
    command = f"python -m trinity_celery worker {queue} --include {modules} --hostname {WORKERS[queue]}@%h"
    broker.start(
        WORKERS[queue], command, {"CELERY_BROKER_LEASE": "2", "DIES_WHILE_IT_IS_THERE": str(broker.directory / "die")}
    )


@pytest.fixture(scope="module", autouse=True)
def workers(broker: Processes) -> Iterator[None]:
    """A worker of each queue."""
    for queue in WORKERS:
        start(broker, queue)
    yield
    gc.collect()  # results that nobody refers to unsubscribe when they are collected, while the server is there
    broker.stop(*WORKERS.values())


def texts() -> list[Any]:
    """Return two tasks for the worker of ``mail``."""
    return [counting(MAIL).signature(Text(text=text)) for text in ("two words", "three short words")]


def runs_of(broker: Processes, task_id: str) -> int:
    """Return how often workers have begun a task."""
    return sum(broker.log(name).read_text().count(f"[{task_id}] received") for name in WORKERS.values())


def test_chain_crosses_to_the_other_queue_and_back(sender: Celery) -> None:
    there, back = gathering(ORDERS).following(name="there"), gathering(MAIL).following(name="back")
    result: Any = (texts()[0] | there | back).apply_async()
    assert result.get(timeout=60) == {"back": {"there": COUNTS[0]}}
    assert [result.parent.parent.queue, result.parent.queue, result.queue] == [MAIL, ORDERS, MAIL]


def test_group_runs_on_both_workers(sender: Celery) -> None:
    ping = PINGS[ORDERS].signature(Ping())
    assert group(texts()[0], ping).apply_async().get(timeout=60) == [COUNTS[0], "pong"]


def test_header_runs_on_one_worker_and_body_on_the_other(sender: Celery) -> None:
    result: Any = chord(texts(), gathering(ORDERS).following(name="counts")).apply_async()
    assert result.get(timeout=60) == {"counts": COUNTS}
    assert [each.queue for each in result.parent.results] == [MAIL, MAIL]
    assert result.queue == ORDERS


def test_task_gives_its_id_to_a_chord(sender: Celery) -> None:
    task_id = spreading(ORDERS).send(Spread(names=["a", "b"], header=MAIL, body=ORDERS))
    assert sender.AsyncResult(task_id).get(timeout=60) == {"all": [{"name": "a"}, {"name": "b"}]}


def test_whole_of_parts_that_keep_nothing_is_kept(sender: Celery) -> None:
    """What Celery's own tasks return: ``task_ignore_result`` is not meant for them."""
    double, double_all = (sender.tasks[f"tests.library.tasks.gathering.{name}"] for name in ("double", "double_all"))
    wholes = {
        "map": double.map([1, 2, 3]).apply_async(),
        "starmap": double.starmap([(1,), (2,), (3,)]).apply_async(),
        "replace": double_all.apply_async(([1, 2, 3],)),
        "chord": chord([double.s(1), double.s(2), double.s(3)], gathering(ORDERS).following(name="all")).apply_async(),
    }
    chunks = double.chunks([(1,), (2,), (3,)], 2).apply_async()
    found = {name: whole.get(timeout=60) for name, whole in wholes.items()}
    doubled = [2, 4, 6]
    assert found == {"map": doubled, "starmap": doubled, "replace": doubled, "chord": {"all": doubled}}
    assert chunks.get(timeout=60) == [[2, 4], [6]]


def test_failed_part_is_a_dead_letter_and_the_body_does_not_run(
    broker: Processes, sender: Celery, tmp_path: Path
) -> None:
    cause = tmp_path / "cause"
    cause.touch()
    failing = FAIL.signature(Fail(file=str(cause)))
    result: Any = chord([*texts(), failing], gathering(ORDERS).following(name="all")).apply_async()
    # Who has only the id, as a status endpoint has; with its parts at hand, the result raises their error.
    with pytest.raises(ChordError, match="ValueError"):
        sender.AsyncResult(result.id).get(timeout=60)
    status = read_status(result.id)
    assert status is not None
    assert (status.state, "ChordError: Dependency" in str(status.error)) == ("failed", True)
    log = broker.log(WORKERS[MAIL])
    office = Replay(letters_of(broker), sender)
    letter = wait_for_letter(office, log, task=FAIL.name)
    failed = result.parent.results[-1]
    assert letter.task_id == failed.id
    # Sent again it succeeds, and yet the chord has ended.
    cause.unlink()
    office.replay(letter)
    assert wait_for_success(failed, log) == "attempt 0"
    assert runs_of(broker, result.id) == 0


def test_body_runs_once_when_the_worker_of_a_part_is_killed(broker: Processes, sender: Celery, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    slow = waiting(MAIL).signature(Wait(file=str(runs), seconds=2))
    result: Any = chord([*texts(), slow], gathering(ORDERS).following(name="all")).apply_async()
    while not runs.exists():
        broker.check()
        time.sleep(0.05)
    broker.send_group_signal(WORKERS[MAIL], signal.SIGKILL)
    broker.wait(WORKERS[MAIL], 10)
    start(broker, MAIL)
    assert result.get(timeout=60) == {"all": [*COUNTS, 2.0]}
    assert runs.read_text() == "run\n" * 2
    assert runs_of(broker, result.id) == 1


def test_body_runs_once_when_the_worker_that_sends_it_is_killed(broker: Processes, sender: Celery) -> None:
    (broker.directory / "die").touch()
    result: Any = chord(texts(), gathering(ORDERS).following(name="all")).apply_async()
    broker.wait(WORKERS[MAIL], 30)
    start(broker, MAIL)
    assert result.get(timeout=60) == {"all": COUNTS}
    assert runs_of(broker, result.id) == 1
