"""Contracts as parts of chains, groups and chords: what Celery is told, and what a worker makes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery, chord, group
from pydantic import BaseModel

from tests.library.harness import QUEUE
from tests.library.shop.contracts import PINGS, Ping
from tests.library.tasks.gathering import Found, Spread, gathering, spreading
from trinity_celery.contracts import Contract
from trinity_celery.errors import MessageTooLargeError
from trinity_celery.transactions.idempotency import HEADER, MAX_KEY_LENGTH

PING = PINGS[QUEUE]
GATHER = gathering(QUEUE)


class Login(BaseModel):
    """What a task may need that nobody else should see."""

    user: str
    password: str = ""
    remember: bool = False


LOGIN = Contract("tests.login", QUEUE, Login, keeps_result=False, key=lambda login: f"login-{login.user}")


def test_signature_is_what_the_contract_says() -> None:
    signature = LOGIN.signature(Login(user="a", password="sesame"))
    assert (signature.task, signature.immutable) == ("tests.login", True)
    assert signature.kwargs == {"user": "a", "password": "sesame", "remember": False}
    assert signature.options == {
        "queue": QUEUE,
        "ignore_result": True,
        "headers": {HEADER: "login-a"},
        "argsrepr": "()",
        "kwargsrepr": "{'user': 'a', 'password': '[redacted]', 'remember': False}",
    }


def test_following_signature_leaves_the_first_field_to_the_task_before() -> None:
    signature = LOGIN.following(password="sesame", idempotency_key="mine")
    assert (signature.kwargs, signature.immutable) == ({"password": "sesame"}, False)
    assert signature.options["headers"] == {HEADER: "mine"}
    assert "sesame" not in signature.options["kwargsrepr"]


@pytest.mark.parametrize(
    ("contract", "fields", "problem"),
    [
        (GATHER, {}, "takes found from the task before it; its other fields are: name"),
        (GATHER, {"name": "a", "found": 1}, "takes found from the task before it"),
        (GATHER, {"nam": "a"}, "takes found from the task before it"),
        (PING, {}, "takes nothing from the task before it; its other fields are: none"),
        (LOGIN, {"idempotency_key": "k" * (MAX_KEY_LENGTH + 1)}, "a key of 201 characters"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_written(
    contract: Contract[Any], fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        contract.following(**fields)


def test_too_large_a_payload_is_refused_where_it_is_written() -> None:
    with pytest.raises(MessageTooLargeError):
        GATHER.signature(Found(found="x" * 1_000_000, name="a"))


def test_chain_group_and_chord_on_one_queue(start_worker: Callable[..., Celery], sender: Celery) -> None:
    start_worker(QUEUE, "signatures", "--include tests.library.tasks.gathering")
    ping = PING.signature(Ping())
    chain: Any = ping | GATHER.following(name="one") | GATHER.following(name="two")
    assert chain.apply_async().get(timeout=30) == {"two": {"one": "pong"}}
    assert (ping | PING.signature(Ping())).apply_async().get(timeout=30) == "pong"
    assert group(ping, ping).apply_async().get(timeout=30) == ["pong", "pong"]
    result = chord([ping, ping, ping], GATHER.following(name="all")).apply_async()
    assert result.get(timeout=30) == {"all": ["pong", "pong", "pong"]}
    assert result.queue == QUEUE


def test_chord_takes_the_place_of_a_task_under_its_id(start_worker: Callable[..., Celery], sender: Celery) -> None:
    start_worker(QUEUE, "replacing", "--include tests.library.tasks.gathering")
    task_id = spreading(QUEUE).send(Spread(names=["a", "b"], header=QUEUE, body=QUEUE))
    assert sender.AsyncResult(task_id).get(timeout=30) == {"all": [{"name": "a"}, {"name": "b"}]}
