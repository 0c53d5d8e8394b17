"""SQLAlchemy's database as sending and idempotency use it: transactions, and what happens after their commit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery import Celery
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from trinity_celery.config import Service
from trinity_celery.contrib import delivery
from trinity_celery.transactions import Database

AFTER_COMMIT = "after commit"


class SqlAlchemyDatabase(Database):
    """A database with the tables of ``delivery_tables``. Make one, at the top of a module.

    Args:
        engine: returns the engine, when one is needed; so importing the module opens nothing.
        prefix: what the names of the service's tables begin with, as two services may share one database.
    """

    def __init__(self, engine: Callable[[], Engine], prefix: str) -> None:
        super().__init__(prefix)
        self._engine = engine
        self._session: ContextVar[Session | None] = ContextVar("session", default=None)

    @property
    def is_postgresql(self) -> bool:
        """Whether rows can be locked."""
        return self._engine().dialect.name == "postgresql"

    @property
    def placeholder(self) -> str:
        """How the driver marks a parameter."""
        return "%s" if self.is_postgresql else "?"

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in the transaction that is open, after what its session has to write."""
        session = self._open_session()
        session.flush()
        return session.connection().exec_driver_sql(statement, tuple(parameters))

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session and commit it at the end, or roll it back on an error; inside another one, a savepoint.

        Tasks that are sent inside through a contract wait for the commit. A session is not for two threads, nor for
        ``async def``: use it in endpoints and tasks that are plain functions.
        """
        outer = self._session.get()
        if outer is None:
            with Session(self._engine()) as session:
                token = self._session.set(session)
                try:
                    with session.begin():
                        yield session
                finally:
                    self._session.reset(token)
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

    def in_transaction(self) -> bool:
        """Return whether the code runs inside ``transaction``."""
        return self._session.get() is not None

    def after_commit(self, call: Callable[[], Any]) -> None:
        """Call ``call`` when the outermost transaction has been committed."""
        self._open_session().info.setdefault(AFTER_COMMIT, []).append(call)

    def check(self) -> None:
        """Ask the database for a row; raise SQLAlchemy's error if there is none."""
        with self._engine().connect() as connection:
            connection.execute(text("SELECT 1"))

    def _open_session(self) -> Session:
        session = self._session.get()
        if session is None:
            raise RuntimeError("no transaction is open: use `with transaction() as session:`")
        return session


def install_delivery(app: Celery, service: Service, database: SqlAlchemyDatabase) -> None:
    """Let what this process sends wait for ``database``, and make the tasks that look after its outbox and keys.

    Call it once, after ``configure``. The tasks are called ``PACKAGE.delivery.tasks.relay_outbox`` and
    ``PACKAGE.delivery.tasks.purge_keys``: put them into the schedule.

    Args:
        app: the Celery app whose workers run these tasks.
        service: that of ``app``, with whose package the names of its tasks begin.
        database: where the outbox and the keys are.
    """
    delivery.install_delivery(app.task, service, database, OperationalError)
