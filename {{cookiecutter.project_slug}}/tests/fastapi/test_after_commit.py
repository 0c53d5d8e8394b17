"""Tasks wait for the commit, and their effects happen once: with a real broker and a real worker."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery
from celery.result import AsyncResult
from fastapi.testclient import TestClient
from redis import Redis
from sqlalchemy import FromClause, func, select
from trinity_celery.contracts import Contract
from trinity_celery.errors import BrokerUnavailableError, KeyReusedError
from trinity_celery.messages import Message, read_status
from trinity_celery.transactions.outbox import relay, write_down

from app.atom import services, tasks
from app.atom.models import ScoredText
from app.atom.store import Store
from app.database import Base, database, idempotency_keys, outbox, transaction
from app.main import app
from devtools.stack import Stack
from shared.contracts import PINGS, Ping, ScoreText
from shared.queues import PROJECT

QUEUE = PROJECT.queue_of_task(tasks.ping.name) or ""
PING = PINGS[QUEUE]
AT_ONCE = 6


@pytest.fixture
def worker(start_worker: Callable[..., Celery], sender: Celery) -> Celery:
    """A worker, and the app with which to ask for its results."""
    start_worker(QUEUE, "after-commit")
    return sender


@pytest.fixture
def store(broker: Stack, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Figures in the server of ``broker``, which count what was scored."""
    store = Store(Redis.from_url(broker.environment["REDIS_URL"], decode_responses=True), "tests:figures")
    store.clear()
    monkeypatch.setattr(tasks, "get_store", lambda: store)
    return store


def result(app: Celery, task_id: str) -> object:
    return AsyncResult(task_id, app=app).get(timeout=30)


def rows(model: type[Base] | FromClause) -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_commit_sends_and_rollback_does_not(worker: Celery) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        forgotten = PING.send(Ping())
        raise ZeroDivisionError
    with transaction():
        kept = PING.send(Ping())
        assert read_status(kept) is None, "it was sent before the commit"
    assert result(worker, kept) == "pong"
    assert read_status(forgotten) is None


def test_savepoint_that_is_rolled_back_takes_its_tasks_and_rows_along(worker: Celery) -> None:
    with transaction() as session:
        with pytest.raises(ZeroDivisionError), transaction() as inner:
            inner.add(ScoredText(task_id="forgotten", text=""))
            forgotten = PING.send(Ping())
            raise ZeroDivisionError
        session.add(ScoredText(task_id="kept", text=""))
        kept = PING.send(Ping())
    assert result(worker, kept) == "pong"
    assert read_status(forgotten) is None
    with transaction() as session:
        assert session.scalars(select(ScoredText.task_id)).all() == ["kept"]


def test_outbox_is_part_of_the_transaction(sender: Celery) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        services.request_score(ScoreText(text="a"))
        assert rows(outbox) == 1
        raise ZeroDivisionError
    assert (rows(outbox), rows(ScoredText)) == (0, 0)
    task_id = services.request_score(ScoreText(text="a"))
    assert (rows(outbox), rows(ScoredText)) == (0, 1)
    status = read_status(task_id)
    assert status is not None
    assert status.state == "queued"


def test_outbox_keeps_what_cannot_be_sent(no_broker: None) -> None:
    assert TestClient(app).post("/atom/scores", json={"text": "a b"}).status_code == 202
    assert rows(outbox) == 1


def test_without_an_outbox_the_commit_says_what_could_not_be_sent(no_broker: None) -> None:
    with pytest.raises(BrokerUnavailableError, match="Connection refused"), transaction() as session:
        session.add(ScoredText(task_id="1", text=""))
        PING.send(Ping())
    assert rows(ScoredText) == 1


def test_requests_at_the_same_time_with_one_key_are_one(no_broker: None) -> None:
    def request(text: str, key: str | None = "order-7") -> str:
        return services.request_score(ScoreText(text=text), key)

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(request, ["a b"] * 20))
    assert (len(answers), rows(ScoredText), rows(outbox)) == (1, 1, 1)
    with pytest.raises(KeyReusedError):
        request("a b c")
    assert not {request("a b c", "order-8"), request("a b", None)} & answers
    assert (rows(ScoredText), rows(outbox)) == (3, 3)


def test_sent_twice_with_one_key_it_has_one_result(worker: Celery) -> None:
    plain = Contract(tasks.score_text.name, QUEUE, ScoreText)

    def send(text: str, key: str | None = None) -> str:
        return plain.send(ScoreText(text=text), idempotency_key=key)

    sent = [send("a b", "order-7"), send("a b", "order-7"), send("a b c", "order-8"), send("a b c d")]
    assert [result(worker, task_id)["words"] for task_id in sent] == [2, 2, 3, 4]  # type: ignore[index]
    another = send("a b c", "order-7")
    with pytest.raises(KeyReusedError, match="score_text:order-7: was used before, with another payload"):
        result(worker, another)


def test_delivered_twice_it_is_kept_once(store: Store) -> None:
    for task_id in ("1", "1", "2"):
        tasks.score_text.apply(args=["a b"], task_id=task_id).get()
    assert (rows(ScoredText), services.read_statistics(store).scored) == (2, 2)


def test_delivered_at_the_same_time_it_is_kept_once(store: Store) -> None:
    def run(_: int) -> object:
        return tasks.score_text.apply(args=["a b"], task_id="1", throw=True).get()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(run, range(AT_ONCE))) == [{"words": 2, "score": 1.0}] * AT_ONCE
    assert (rows(ScoredText), services.read_statistics(store).scored) == (1, 1)


def test_relays_at_the_same_time_share_the_messages() -> None:
    with transaction():
        for number in range(20):
            write_down(database, Message("tests.number", {"number": number}, str(number), "tests"))
    sent: list[int] = []

    def run(_: int) -> int:
        return relay(
            database, lambda message: sent.append(message.kwargs["number"]), unavailable=BrokerUnavailableError
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert sum(pool.map(run, range(AT_ONCE))) == 20
    assert sorted(sent) == list(range(20))
    assert rows(outbox) == 0


def test_failed_effect_leaves_no_key(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    with monkeypatch.context() as context:
        context.setattr(services, "count_scored", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            tasks.score_text.apply(args=["a"], task_id="1", throw=True)
    assert (rows(idempotency_keys), rows(ScoredText)) == (0, 0)
    tasks.score_text.apply(args=["a"], task_id="1", throw=True)
    assert rows(ScoredText) == 1
    assert database.purge_keys() == 0
