"""Contracts without a broker: what they send is kept in memory, after the commit if a transaction is open."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from celery import Celery, current_app
from pydantic import BaseModel

from trinity_celery.config import CelerySettings, Project, Queue, Service
from trinity_celery.contracts import Contract, InMemoryPublisher, publishing_through
from trinity_celery.errors import MessageTooLargeError
from trinity_celery.transactions import database as databases
from trinity_celery.transactions.database import Database
from trinity_celery.worker import BaseTask, ProjectApp, configure

PROJECT = Project(
    name="shop",
    services=[Service("web", package="shop", celery_app="shop", default_queue="orders")],
    queues=[Queue("orders", worker_app="shop")],
)


class Order(BaseModel):
    """What is ordered."""

    number: int


ORDER = Contract("shop.order", "orders", Order, project=PROJECT)
KEPT_ORDER = Contract("shop.order", "orders", Order, project=PROJECT, outbox=True)


class Rows(Database):
    """A database that only knows whether a transaction is open."""

    is_postgresql = False
    placeholder = "?"

    def __init__(self) -> None:
        super().__init__("shop")
        self.calls: list[Callable[[], Any]] = []
        self.is_open = False

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        raise AssertionError(f"nothing is written here: {statement}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False
        calls, self.calls = self.calls, []
        for call in calls:
            call()

    def transaction(self) -> AbstractContextManager[None]:
        return self._transaction()

    def in_transaction(self) -> bool:
        return self.is_open

    def after_commit(self, call: Callable[[], Any]) -> None:
        self.calls.append(call)


@pytest.fixture
def app() -> Iterator[Celery]:
    before: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    made = ProjectApp("shop", task_cls=BaseTask, set_as_current=False)
    configure(made, project=PROJECT, service="web", settings=CelerySettings(redis_url="redis://127.0.0.1:1/0"))
    yield made
    before.set_default()


@pytest.fixture
def sent(app: Celery) -> Iterator[InMemoryPublisher]:
    publisher = InMemoryPublisher()
    with publishing_through(app, publisher):
        yield publisher


def test_message_is_kept_as_it_would_be_sent(sent: InMemoryPublisher) -> None:
    task_id = ORDER.send(Order(number=7), idempotency_key="seven")
    asyncio.run(ORDER.send_async(Order(number=8)))
    assert [message.kwargs for message in sent.messages] == [{"number": 7}, {"number": 8}]
    first = sent.messages[0]
    assert (first.name, first.queue, first.task_id) == ("shop.order", "orders", task_id)
    assert first.headers == {"idempotency_key": "seven"}
    assert type(first).decode(first.encode()) == first


def test_many_are_kept_in_order(sent: InMemoryPublisher) -> None:
    ids = ORDER.send_many(Order(number=number) for number in range(3))
    ids += asyncio.run(ORDER.send_many_async([Order(number=3)]))
    assert [message.task_id for message in sent.messages] == ids


@pytest.mark.parametrize("contract", [ORDER, KEPT_ORDER], ids=["plain", "outbox"])
def test_message_waits_for_the_commit(
    contract: Contract[Order], sent: InMemoryPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows()
    monkeypatch.setattr(databases, "_installed", [rows])
    with rows.transaction():
        contract.send(Order(number=1))
        assert not sent.messages
    assert [message.kwargs for message in sent.messages] == [{"number": 1}]


def test_what_is_refused_is_not_kept(app: Celery, sent: InMemoryPublisher) -> None:
    class Note(BaseModel):
        text: str

    with pytest.raises(MessageTooLargeError, match="CELERY_MESSAGE_SIZE_LIMIT"):
        Contract("shop.note", "orders", Note).send(Note(text="x" * 300_000))
    assert not sent.messages


def test_task_may_run_at_once(app: Celery) -> None:
    done: list[int] = []

    @app.task(name="shop.order", shared=False)
    def order(number: int) -> None:
        done.append(number)

    with publishing_through(app, InMemoryPublisher(lambda message: order.apply(kwargs=message.kwargs, throw=True))):
        ORDER.send(Order(number=9))
    assert done == [9]
