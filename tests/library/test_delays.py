"""A task that is to wait begins when it is its turn, in whatever way it was told to; one that is too late says so."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from celery import Celery, group
from celery.result import AsyncResult
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.library.harness import QUEUE, WORKER, letters_of, sender_for
from trinity_celery.brokers.delays import seconds_until, settle_delay
from trinity_celery.contracts import Contract
from trinity_celery.dead_letters import LetterFilter
from trinity_celery.testing.processes import Processes
from trinity_celery.worker import BaseTask

LATE = 2.5  # seconds by which a start may be late: a broker may only know whole ones, and the machine may be busy
DELAYS = [-5, 0, 0.2, 0.99, 1, 1.5]
TASKS = ("begin", "begin_again")


class Nothing(BaseModel):
    """No arguments."""


BEGIN = Contract("tests.library.tasks.waiting.begin", QUEUE, Nothing)


@pytest.fixture(scope="module")
def worker(broker: Processes) -> Iterator[Processes]:
    """A worker that takes many tasks at once, and what it was started in."""
    options = "--include tests.library.tasks.waiting --hostname waiting@%h --pool threads --concurrency 20"
    broker.start("waiting", f"{WORKER} {options}")
    yield broker
    broker.stop("waiting")


def by_countdown(app: Celery, seconds: float) -> AsyncResult[Any]:
    return app.send_task("tests.library.tasks.waiting.begin", queue=QUEUE, countdown=seconds)


def by_eta(app: Celery, seconds: float) -> AsyncResult[Any]:
    return app.send_task(
        "tests.library.tasks.waiting.begin", queue=QUEUE, eta=datetime.now(UTC) + timedelta(seconds=seconds)
    )


def by_contract(app: Celery, seconds: float) -> AsyncResult[Any]:
    return app.AsyncResult(BEGIN.send(Nothing(), countdown=seconds))


def by_signature(app: Celery, seconds: float) -> AsyncResult[Any]:
    return BEGIN.signature(Nothing()).apply_async(countdown=seconds)


def in_a_group(app: Celery, seconds: float) -> AsyncResult[Any]:
    results: Any = group(BEGIN.signature(Nothing()).set(countdown=seconds)).apply_async()
    [result] = results
    return cast("AsyncResult[Any]", result)


def by_retry(app: Celery, seconds: float) -> AsyncResult[Any]:
    return app.send_task("tests.library.tasks.waiting.begin_again", [seconds], queue=QUEUE)


WAYS: list[Callable[[Celery, float], AsyncResult[Any]]] = [
    by_countdown,
    by_eta,
    by_contract,
    by_signature,
    in_a_group,
    by_retry,
]


def test_task_begins_when_its_time_has_come(worker: Processes, sender: Celery) -> None:
    app = sender
    assert by_countdown(app, 0).get(timeout=60)
    sent = [(way, seconds, time.time(), way(app, seconds)) for way in WAYS for seconds in DELAYS]
    for way, seconds, at, result in sent:
        began = result.get(timeout=60)
        delay = max(seconds, 0)
        assert delay - 0.1 <= began - at <= delay + LATE, (way.__name__, seconds, began - at)
    assert not [
        letter
        for name in TASKS
        for letter in letters_of(worker).find(LetterFilter(task=f"tests.library.tasks.waiting.{name}"))
    ]


def test_task_that_backs_off_for_less_than_a_second_is_tried_again(worker: Processes, sender: Celery) -> None:
    results = [sender.send_task("tests.library.tasks.waiting.back_off", queue=QUEUE) for _ in range(5)]
    assert [result.get(timeout=60) for result in results] == [2] * 5


# Celery's own limit lets far fewer begin than it says, with any broker.
@pytest.mark.parametrize(("name", "count", "seconds"), [("begin_at_a_rate", 5, 0.15), ("begin_in_turn", 60, 1.9)])
def test_rate_of_many_a_second_loses_nothing(
    worker: Processes, sender: Celery, name: str, count: int, seconds: float
) -> None:
    results = [sender.send_task(f"tests.library.tasks.waiting.{name}", queue=QUEUE) for _ in range(count)]
    starts = sorted(result.get(timeout=60) for result in results)
    assert starts[-1] - starts[0] > seconds
    assert {result.retries for result in results} == {0}


def test_task_that_comes_too_late_is_revoked(worker: Processes, sender: Celery) -> None:
    options: list[dict[str, Any]] = [
        {"expires": 0},
        {"expires": -5},
        {"expires": datetime.now(UTC) - timedelta(hours=1)},
        {"expires": 0.2, "countdown": 1},
        {"expires": 0.2, "eta": datetime.now(UTC) + timedelta(seconds=1.2)},
    ]
    results = [sender.send_task("tests.library.tasks.waiting.begin", queue=QUEUE, **each) for each in options]
    in_time = sender.send_task("tests.library.tasks.waiting.begin", queue=QUEUE, expires=10**7, countdown=0.5)
    for result in results:
        with pytest.raises(Exception, match="expired"):
            result.get(timeout=60)
        assert str(result.state) == "REVOKED"
    assert in_time.get(timeout=60)


def test_task_that_cannot_go_back_waits_where_it_is(broker: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given back to a broker that counts how often that happens, it would soon be taken for one that ends workers."""
    url = broker.environment["REDIS_URL"]
    monkeypatch.setenv("REDIS_URL", url)
    app = sender_for({"REDIS_URL": url, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"})

    class InTurn(BaseTask):
        name = "tests.in-turn"
        shared_rate_limit = "2/s"

        def run(self) -> None:
            """Do nothing."""

    task: Any = app.register_task(InTurn())
    began = time.monotonic()
    for number in range(3):
        task.push_request(id=str(number), args=(), kwargs={}, delivery_info={"exchange": "", "routing_key": QUEUE})
        task.before_start(str(number), (), {})
    assert time.monotonic() - began >= 0.5
    app.close()


@settings(max_examples=200)
@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**12), 10**12))
def test_any_delay_is_taken_as_it_is_or_refused(seconds: float) -> None:
    app = sender_for({})
    try:
        settled = settle_delay(app, countdown=seconds)
    except ValueError as error:
        assert str(error) == f"countdown: there is no date in {seconds} s"
    else:
        assert settled == (seconds, None)
        assert seconds_until(seconds) == pytest.approx(seconds, abs=1e-6)
