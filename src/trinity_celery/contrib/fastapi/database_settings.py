"""Where SQLAlchemy's database is, by one URL: PostgreSQL with psycopg, or SQLite on a laptop."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from trinity_celery.config.urls import find_database_url_problem

CONNECT_TIMEOUT = 5  # seconds
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}


def _parse(url: str) -> URL:
    if problem := find_database_url_problem(url):
        raise ValueError(problem)
    try:
        parsed = make_url(url)
        return parsed.set(drivername=DRIVERS[parsed.drivername])
    except (ArgumentError, KeyError):
        raise ValueError("is not a database URL: use postgres://... or sqlite:///file") from None


def _check(url: str) -> str:
    _parse(url)
    return url


DatabaseUrl = Annotated[str, AfterValidator(_check)]
"""A field of settings that holds the URL of PostgreSQL or SQLite."""


def database_url(url: str, *, folder: Path) -> URL:
    """Return ``url`` as SQLAlchemy wants it.

    Args:
        url: of PostgreSQL or SQLite.
        folder: where the file of SQLite lies, unless its path is absolute.

    Raises:
        ValueError: it is the URL of something else.
    """
    parsed = _parse(url)
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        # Whatever folder a command is started in, such as an editor's.
        return parsed.set(database=str(folder / str(parsed.database)))
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


def make_engine(url: URL) -> Engine:
    """Return an engine for what ``database_url`` returned, with bounds in time and transactions that wait."""
    if url.drivername != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args=connect_options(url))
    engine = create_engine(url, connect_args={"timeout": 20})
    # Python's driver would begin a transaction late; one that reads before it writes then fails at once when somebody
    # else writes. https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
