"""FastAPI's half of the library in an application that knows nothing of the template."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import pytest
from celery import Celery, _state, current_app
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.testclient import TestClient
from sqlalchemy import Engine, MetaData, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from tests.commands import run
from tests.matrix import ROOT
from trinity_celery.config import CelerySettings, Project, Queue, Service
from trinity_celery.contracts import sending
from trinity_celery.contrib.fastapi.database import SqlAlchemyDatabase, install_delivery
from trinity_celery.contrib.fastapi.database_settings import database_url, make_engine
from trinity_celery.contrib.fastapi.errors import add_error_handlers
from trinity_celery.contrib.fastapi.idempotency import RequestKey, request_key_of
from trinity_celery.contrib.fastapi.lifespan import broker_connections
from trinity_celery.contrib.fastapi.responses import Accepted, accepted
from trinity_celery.contrib.fastapi.router import service_router
from trinity_celery.contrib.fastapi.tables import create_tables, delivery_tables
from trinity_celery.errors import BrokerUnavailableError, MessageTooLargeError
from trinity_celery.transactions import database as databases
from trinity_celery.worker import BaseTask, ProjectApp, configure

SERVICE = Service("web", package="shop", celery_app="shop", default_queue="orders")
PROJECT = Project("shop", [SERVICE], [Queue("orders", worker_app="shop")])
EARLIER_TABLE = (
    "CREATE TABLE app_idempotency_key ( key VARCHAR(500) NOT NULL, fingerprint VARCHAR(64), result VARCHAR, "
    "created_at TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY (key) )"
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite, in a file."""
    engine = make_engine(database_url("sqlite:///db.sqlite3", folder=tmp_path))
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine: Engine) -> SqlAlchemyDatabase:
    """A database with the tables of the library."""
    metadata = MetaData()
    delivery_tables(metadata, "shop")
    create_tables(engine, metadata)
    create_tables(engine, metadata)
    return SqlAlchemyDatabase(lambda: engine, "shop")


@pytest.fixture
def app(database: SqlAlchemyDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """A Celery app that sends through the database."""
    monkeypatch.setattr(databases, "_installed", [])
    # No app of a later test is to have the tasks of this one.
    monkeypatch.setattr(_state, "_on_app_finalizers", {*_state._on_app_finalizers})  # type: ignore[attr-defined]
    before: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    app = ProjectApp("shop", task_cls=BaseTask, set_as_current=False)
    configure(app, project=PROJECT, service="web", settings=CelerySettings(redis_url="redis://127.0.0.1:1/0"))
    install_delivery(app, SERVICE, database)
    yield app
    before.set_default()


def test_tables_are_those_that_applications_have_already() -> None:
    _, keys = delivery_tables(MetaData(), "app")
    said = str(CreateTable(keys).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert " ".join(said.split()) == EARLIER_TABLE
    assert [index.name for index in keys.indexes] == ["ix_app_idempotency_key_created_at"]


def test_calls_wait_for_the_commit_of_the_outermost_transaction(database: SqlAlchemyDatabase) -> None:
    called: list[str] = []
    with database.transaction():
        database.after_commit(lambda: called.append("kept"))
        with pytest.raises(ZeroDivisionError), database.transaction():
            database.after_commit(lambda: called.append("forgotten"))
            raise ZeroDivisionError
        assert database.in_transaction()
        assert called == []
    assert called == ["kept"]
    assert not database.in_transaction()


def test_effect_and_key_are_committed_together(database: SqlAlchemyDatabase, engine: Engine) -> None:
    _, keys = delivery_tables(MetaData(), "shop")
    with pytest.raises(ZeroDivisionError):
        database.once_for("key", {}, lambda: 1 // 0)
    numbers = count(1)
    assert [database.once_for("key", {}, lambda: next(numbers)) for _ in range(2)] == [1, 1]
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(keys)) == 1


def test_tasks_have_the_names_and_so_the_routes_of_their_service(
    app: Celery, database: SqlAlchemyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"shop.delivery.tasks.relay_outbox", "shop.delivery.tasks.purge_keys"}
    assert names <= set(app.tasks)
    assert {PROJECT.queue_of_task(name) for name in names} == {"orders"}
    monkeypatch.setattr(sending, "publish", lambda *_: None)
    assert [app.tasks[name].apply(throw=True).get() for name in sorted(names)] == [0, 0]


def test_application_answers_errors_and_is_not_ready_without_a_broker(
    app: Celery, database: SqlAlchemyDatabase
) -> None:
    application = FastAPI(lifespan=lambda _: broker_connections(app))
    application.include_router(service_router(app, {"database": database.check}))
    add_error_handlers(application)

    async def user(x_user: Annotated[str, Header()]) -> str:
        return x_user

    @application.post("/orders", status_code=202)
    async def order(request: Request, response: Response) -> Accepted:
        return accepted(request, response, "7")

    @application.get("/keys")
    async def keys(
        key: RequestKey, own: Annotated[str | None, Depends(request_key_of(user))]
    ) -> tuple[str | None, str | None]:
        return key, own

    @application.get("/large")
    async def large() -> None:
        raise MessageTooLargeError("too large")

    @application.get("/away")
    async def away() -> None:
        raise BrokerUnavailableError("nobody listens")

    with TestClient(application) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert set(ready.json()["problems"]) == {"broker", "result backend"}
        answer = client.post("/orders")
        assert answer.headers["Location"] == answer.json()["status_url"] == "/tasks/7"
        assert client.get("/tasks/7").status_code == 503
        assert client.get("/large").status_code == 413
        assert client.get("/away").headers["Retry-After"] == "5"
        headers = {"X-User": "1", "Idempotency-Key": "k"}
        first, again, other = (
            client.get("/keys", headers=headers | changed).json()
            for changed in ({}, {"Authorization": "renewed"}, {"X-User": "2"})
        )
        assert first[0] != again[0]
        assert first[1] == again[1] != other[1]
        assert client.get("/keys", headers=headers | {"Idempotency-Key": ""}).status_code == 400
        assert client.get("/keys", headers={"X-User": "1"}).json() == [None, None]


def test_database_needs_no_web_framework() -> None:
    modules = "trinity_celery.contrib.fastapi.database, trinity_celery.contrib.fastapi.tables"
    ended = run([sys.executable, "-c", f"import sys; sys.modules['fastapi'] = None; import {modules}"], ROOT)
    assert ended.returncode == 0, ended.stdout
