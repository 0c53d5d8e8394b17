"""FastAPI's database: settings, engine, transactions, and what sending and idempotency need of it.

The database may be the one that another service uses as well: every table of this service begins with ``app_``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import field_validator
from pydantic_settings import BaseSettings
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session
from trinity_celery.config import load
from trinity_celery.config.environment import MODEL_CONFIG
from trinity_celery.config.urls import find_database_url_problem
from trinity_celery.transactions import Database

CONNECT_TIMEOUT = 5  # seconds
PROJECT_FOLDER = Path(__file__).resolve().parent.parent
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
AFTER_COMMIT = "after commit"

_session: ContextVar[Session | None] = ContextVar("session", default=None)


class Base(DeclarativeBase):
    """What all tables of this service have in common: ``metadata`` knows them."""


def database_url(url: str) -> URL:
    """Return ``url`` as SQLAlchemy wants it.

    Raises:
        ValueError: it is not the URL of a database that this project can use.
    """
    if problem := find_database_url_problem(url):
        raise ValueError(problem)
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    except (ArgumentError, KeyError):
        raise ValueError("is not a database URL: use postgres://... or sqlite:///file") from None
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        # Whatever folder a command is started in, such as an editor's.
        return parsed.set(database=str(PROJECT_FOLDER / str(parsed.database)))
    return parsed


def connect_options(url: URL) -> dict[str, Any]:
    """Return what PostgreSQL's driver is told beside ``url``."""
    # A pooler may give each transaction another connection, where nothing was prepared, or something else under that
    # name. https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    options: dict[str, Any] = {"prepare_threshold": None}
    if "connect_timeout" not in url.query:
        # A host that drops packets would otherwise hold up every request for minutes.
        options["connect_timeout"] = CONNECT_TIMEOUT
    return options


class DatabaseSettings(BaseSettings):
    """What the environment decides about the database."""

    model_config = MODEL_CONFIG

    database_url: str = "sqlite:///db.sqlite3"

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: str) -> str:
        database_url(url)
        return url


@cache
def engine() -> Engine:
    """Return this process's engine; ``DATABASE_URL`` says where the database is.

    Raises:
        SystemExit: the variable has a bad value.
    """
    url = database_url(load(DatabaseSettings).database_url)
    if url.drivername != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args=connect_options(url))
    made = create_engine(url, connect_args={"timeout": 20})
    # Python's driver would begin a transaction late; one that reads before it writes then fails at once when somebody
    # else writes. https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
    event.listen(made, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(made, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return made


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a session and commit it at the end, or roll it back on an error; inside another one, a savepoint.

    Tasks that are sent inside through a contract wait for the commit. A session is not for two threads, nor for
    ``async def``: use it in endpoints and tasks that are plain functions.
    """
    outer = _session.get()
    if outer is None:
        with Session(engine()) as session:
            token = _session.set(session)
            try:
                with session.begin():
                    yield session
            finally:
                _session.reset(token)
        for call in session.info.get(AFTER_COMMIT, []):
            call()
        return
    waiting = outer.info.setdefault(AFTER_COMMIT, [])
    before = len(waiting)
    try:
        with outer.begin_nested():
            yield outer
    except BaseException:
        del waiting[before:]
        raise


class AppDatabase(Database):
    """The database of ``transaction``."""

    @property
    def is_postgresql(self) -> bool:
        """Whether rows can be locked."""
        return engine().dialect.name == "postgresql"

    @property
    def placeholder(self) -> str:
        """How the driver marks a parameter."""
        return "%s" if self.is_postgresql else "?"

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in the transaction that is open, after what its session has to write."""
        session = _open_session()
        session.flush()
        return session.connection().exec_driver_sql(statement, tuple(parameters))

    def transaction(self) -> AbstractContextManager[Session]:
        """Open a transaction, or a savepoint within the one that is open."""
        return transaction()

    def in_transaction(self) -> bool:
        """Return whether the code runs inside ``transaction``."""
        return _session.get() is not None

    def after_commit(self, call: Callable[[], Any]) -> None:
        """Call ``call`` when the outermost transaction has been committed."""
        _open_session().info.setdefault(AFTER_COMMIT, []).append(call)


def _open_session() -> Session:
    session = _session.get()
    if session is None:
        raise RuntimeError("no transaction is open: use `with transaction() as session:`")
    return session


def check_database() -> None:
    """Ask the database for a row; raise SQLAlchemy's error if there is none."""
    with engine().connect() as connection:
        connection.execute(text("SELECT 1"))


database = AppDatabase("app")
