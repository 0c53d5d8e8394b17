"""The tables of outbox and idempotency keys, and how to make all tables of a service."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from sqlalchemy import BigInteger, Column, DateTime, Engine, Integer, MetaData, String, Table, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from trinity_celery.transactions.database_problems import database_problem

ONE_AT_A_TIME = 2_011_202_611  # PostgreSQL's number for the lock, any will do


def delivery_tables(metadata: MetaData, prefix: str) -> tuple[Table, Table]:
    """Add the tables of outbox and idempotency keys, which ``trinity_celery.transactions`` reads and writes in SQL.

    Args:
        metadata: of the service's tables, such as ``Base.metadata``; Alembic finds the tables there.
        prefix: that of the service's ``SqlAlchemyDatabase``.

    Returns:
        the outbox, where tasks wait that were written down in a transaction; and the keys of effects that happened,
        with what their tasks returned in JSON.
    """
    outbox = Table(
        f"{prefix}_outbox",
        metadata,
        # SQLite counts only what is called INTEGER.
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("message", String, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        # Without it, SQLite gives the number of a deleted row to the next one.
        sqlite_autoincrement=True,
    )
    keys = Table(
        f"{prefix}_idempotency_key",
        metadata,
        Column("key", String(500), primary_key=True),
        Column("fingerprint", String(64)),  # of what was asked for
        Column("result", String),
        Column("created_at", DateTime(timezone=True), nullable=False, index=True),
    )
    return outbox, keys


def import_models(package: ModuleType) -> None:
    """Import ``models.py`` of every package in ``package``, so that its metadata knows their tables."""
    for found in iter_modules(package.__path__, f"{package.__name__}."):
        if found.ispkg and find_spec(f"{found.name}.models"):
            import_module(f"{found.name}.models")


def create_tables(engine: Engine, metadata: MetaData) -> None:
    """Make the tables that are not there yet; two processes that do so at the same time do not disturb each other.

    Raises:
        SystemExit: the database cannot be used; one line says why.
    """
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
            metadata.create_all(connection)
    except (OperationalError, ProgrammingError) as error:
        url = engine.url
        problem = database_problem(str(error.orig), host=url.host, port=url.port, user=url.username, name=url.database)
        if problem is None:
            raise
        raise SystemExit(f"error: {problem}") from None
