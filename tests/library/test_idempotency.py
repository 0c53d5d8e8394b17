"""An effect happens once for its key: tried by threads at the same time and by processes that are killed half way."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pydantic import BaseModel
from redis import Redis

from tests.library.shop import celery_app  # noqa: F401  (contracts send through the app that is configured)
from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.contracts import Contract
from trinity_celery.errors import InvalidKeyError, KeyHeldError, KeyReusedError
from trinity_celery.messages import payloads
from trinity_celery.testing.redis import private_redis
from trinity_celery.transactions import RedisKeys, SqlKeys, fingerprint, fingerprint_of, request_key
from trinity_celery.transactions.idempotency import HEADER, MAX_KEY_LENGTH

MINUTE = timedelta(minutes=1)
AT_ONCE = 8


def connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=60, isolation_level=None)


def run_once(file: Path, key: str, fail: bool = False, asked: str | None = None) -> Any:
    """Claim ``key`` and add a row to ``effects``, in one transaction; the number of rows is the result."""
    with closing(connect(file)) as connection:

        def effect() -> int:
            connection.execute("INSERT INTO effects VALUES (?)", (key,))
            if fail:
                raise ZeroDivisionError
            return int(connection.execute("SELECT count(*) FROM effects").fetchone()[0])

        connection.execute("BEGIN")
        try:
            result = SqlKeys(connection.execute, "keys").once(key, effect, asked)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return result


def effects(file: Path) -> int:
    with closing(connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM effects").fetchone()[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with keys and effects."""
    file = tmp_path / "keys.sqlite3"
    with closing(connect(file)) as connection:
        SqlKeys(connection.execute, "keys").create_table()
        connection.execute("CREATE TABLE effects (key text)")
    return file


def killed_while(code: str) -> None:
    """Run ``code`` in a process of its own that kills itself."""
    code = f"import os, signal\nfrom pathlib import Path\nfrom tests.library import test_idempotency as here\n{code}"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -signal.SIGKILL


def kill() -> None:
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_sql_effect_happens_once_and_its_result_is_used_again(file: Path) -> None:
    assert [run_once(file, "a"), run_once(file, "a"), run_once(file, "b"), run_once(file, "a")] == [1, 1, 2, 1]
    assert effects(file) == 2


def test_sql_key_is_refused_to_whoever_asks_for_something_else(file: Path) -> None:
    assert run_once(file, "a", asked="this") == run_once(file, "a", asked="this") == 1
    with pytest.raises(KeyReusedError, match="a: was used before, with another payload"):
        run_once(file, "a", asked="that")
    assert run_once(file, "a") == 1, "whoever does not say what it asks for, takes what is there"
    assert run_once(file, "b") == run_once(file, "b", asked="this") == 2, "nobody knows what the first one asked for"


def test_sql_claims_at_the_same_time(file: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(lambda _: run_once(file, "a"), range(5 * AT_ONCE))) == [1] * 5 * AT_ONCE
    assert effects(file) == 1


def test_sql_key_is_free_after_a_failure(file: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_once(file, "a", fail=True)
    assert effects(file) == 0
    assert run_once(file, "a") == 1


def test_sql_key_is_free_after_a_crash_between_claim_and_effect(file: Path) -> None:
    killed_while(
        f"connection = here.connect(Path({str(file)!r}))\n"
        "connection.execute('BEGIN')\n"
        "here.SqlKeys(connection.execute, 'keys').once('a', here.kill)"
    )
    assert run_once(file, "a") == 1
    assert effects(file) == 1


def test_sql_keys_that_are_old_are_forgotten(file: Path) -> None:
    run_once(file, "a")
    with closing(connect(file)) as connection:
        keys = SqlKeys(connection.execute, "keys")
        assert keys.purge(older_than=MINUTE) == 0
        connection.execute("UPDATE keys SET created_at = datetime('now', '-2 minutes')")
        assert keys.purge(older_than=MINUTE) == 1
    assert run_once(file, "a") == 2


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that keeps keys."""
    with private_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    """A client of an empty server."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


def counting(client: Redis) -> Callable[[], Any]:
    return lambda: client.incr("effects")


def test_redis_effect_happens_once_and_its_result_is_used_again(client: Redis) -> None:
    keys = RedisKeys(client, PROJECT.name, lease=MINUTE)
    assert [keys.once(key, counting(client)) for key in ("a", "a", "b", "a")] == [1, 1, 2, 1]


def test_redis_key_is_refused_to_whoever_asks_for_something_else(client: Redis) -> None:
    keys = RedisKeys(client, PROJECT.name, lease=MINUTE)

    def ask_again() -> list[int]:
        with pytest.raises(KeyReusedError):
            keys.once("a", counting(client), "that")
        with pytest.raises(KeyHeldError):
            keys.once("a", counting(client), "this")
        return [1, 2]

    assert keys.once("a", ask_again, "this") == keys.once("a", ask_again, "this") == keys.once("a", ask_again) == [1, 2]
    with pytest.raises(KeyReusedError):
        keys.once("a", counting(client), "that")


def test_redis_claims_at_the_same_time(client: Redis) -> None:
    keys = RedisKeys(client, PROJECT.name, lease=MINUTE)

    def slowly() -> Any:
        time.sleep(0.2)
        return client.incr("effects")

    def claim(_: int) -> Any:
        try:
            return keys.once("a", slowly)
        except KeyHeldError as error:
            assert 0 < error.seconds <= 60
            return "held"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(claim, range(AT_ONCE)))
    assert sorted(map(str, answers)) == ["1", *["held"] * (AT_ONCE - 1)]
    assert claim(0) == 1


def test_redis_key_is_free_after_a_failure(client: Redis) -> None:
    keys = RedisKeys(client, PROJECT.name, lease=MINUTE)
    with pytest.raises(ZeroDivisionError):
        keys.once("a", lambda: 1 // 0)
    assert keys.once("a", counting(client)) == 1


def test_redis_key_is_taken_over_after_a_crash_between_claim_and_effect(client: Redis, redis_url: str) -> None:
    killed_while(
        f"here.RedisKeys(here.Redis.from_url({redis_url!r}), {PROJECT.name!r}, lease=here.timedelta(seconds=2))"
        ".once('a', here.kill)"
    )
    keys = RedisKeys(client, PROJECT.name, lease=MINUTE)
    deadline = time.monotonic() + 30
    held = 0
    while True:
        try:
            assert keys.once("a", counting(client)) == 1
            break
        except KeyHeldError as error:
            held += 1
            assert error.seconds <= 2
            assert time.monotonic() < deadline, "the key is blocked for ever"
            time.sleep(0.1)
    assert held, "the claim had run out before it was looked at, so this showed nothing"
    assert keys.once("a", counting(client)) == 1


def test_redis_claim_that_was_taken_over_is_left_to_its_new_holder(client: Redis) -> None:
    first, second = (
        RedisKeys(client, PROJECT.name, lease=timedelta(milliseconds=100)),
        RedisKeys(client, PROJECT.name, lease=MINUTE),
    )

    def outlive_the_lease() -> str:
        time.sleep(0.3)
        assert second.once("a", lambda: "second") == "second"
        return "first"

    assert first.once("a", outlive_the_lease) == "first"
    assert second.once("a", lambda: "third") == "second"


class Order(BaseModel):
    """What a test orders."""

    number: int
    note: str = ""


def test_key_comes_from_the_payload_or_from_the_caller() -> None:
    plain = Contract("tests.order", PROJECT.queue_names()[0], Order)
    keyed = Contract("tests.order", PROJECT.queue_names()[0], Order, key=lambda order: f"order-{order.number}")

    def headers(contract: Contract[Order], key: str | None = None) -> Any:
        return contract._message(Order(number=7), None, None, None, key).headers

    assert headers(plain) == {}
    assert headers(plain, "mine") == {HEADER: "mine"}
    assert headers(keyed) == {HEADER: "order-7"}
    assert headers(keyed, "mine") == {HEADER: "mine"}
    with pytest.raises(ValueError, match=f"a key of 201 characters: use at most {MAX_KEY_LENGTH}"):
        plain.send(Order(number=7), idempotency_key="x" * 201)


def test_fingerprint_is_that_of_what_is_asked_and_not_of_how() -> None:
    assert fingerprint({"a": 1, "b": [2, {"c": "é", "d": None}]}) == fingerprint(
        {"b": [2, {"d": None, "c": "é"}], "a": 1}
    )
    assert fingerprint(Order(number=7)) == fingerprint(Order(number=7, note="")) == fingerprint({"number": 7})
    other = [Order(number=8), Order(number=7, note=" "), {"number": "7"}, [7], "7", 7, None, ""]
    assert len({fingerprint(each) for each in (Order(number=7), *other)}) == 1 + len(other)


def test_task_asks_for_the_same_however_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Celery("tests", set_as_current=False)
    monkeypatch.setattr(payloads, "_contracts", {})

    @app.task(bind=True, name="tests.order")
    def order(self: Any, number: int, note: str = "") -> str | None:
        return fingerprint_of(self)

    def asked(*args: Any, **kwargs: Any) -> Any:
        return order.apply(args, kwargs, throw=True).get()

    assert asked(7) == asked(number=7) == asked(7, "") == asked(7, note="")
    assert len({asked(7), asked(8), asked(7, "x")}) == 3
    assert order(7) is None, "called directly, its key is a new one"
    plain = Contract("tests.order", PROJECT.queue_names()[0], Order)
    monkeypatch.setattr(payloads, "_contracts", {"tests.order": plain})
    assert asked(7) == asked("7") == asked(7, "") != asked(7, "x")
    monkeypatch.setattr(payloads, "_contracts", {"tests.order": replace(plain, key=lambda order: str(order.number))})
    assert asked(7) == asked(7, "x") != asked(8)


def test_request_keys_of_other_endpoints_and_callers_are_apart() -> None:
    parts = [("k", "POST /a", "me"), ("k", "POST /b", "me"), ("k", "POST /a", "you"), ("l", "POST /a", "me")]
    mixed = [("k", "POST /a:me", ""), ("k:POST /a", "me", ""), ("me", "POST /a", "k"), ('k","', "POST /a", "me")]
    keys = {request_key(key, endpoint=endpoint, caller=caller) for key, endpoint, caller in (*parts, *mixed)}
    assert len(keys) == 8
    assert all(key and len(key) <= MAX_KEY_LENGTH for key in keys)
    assert request_key(None, endpoint="POST /a", caller="me") is None


@pytest.mark.parametrize("value", ["", "x" * 201, "é", "a\0", "a\nb", "\t"])
def test_request_key_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(InvalidKeyError, match=r"^Idempotency-Key: must be 1 to 200 printable ASCII characters$"):
        request_key(value, endpoint="POST /a", caller="me")
