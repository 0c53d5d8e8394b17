"""Where Django's tables are, by one URL, and what to say when there is no connection to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import dj_database_url
from django.db.utils import DatabaseError
from pydantic import AfterValidator

from trinity_celery.config.urls import find_database_url_problem
from trinity_celery.transactions.database_problems import database_problem

CONNECT_TIMEOUT = 5  # seconds


def _check(url: str) -> str:
    if problem := find_database_url_problem(url):
        raise ValueError(problem)
    try:
        dj_database_url.parse(url)
    except (ValueError, dj_database_url.UnknownSchemeError):
        raise ValueError("is not a database URL: use postgres://... or sqlite:///file") from None
    return url


DatabaseUrl = Annotated[str, AfterValidator(_check)]
"""A field of settings that holds the URL of PostgreSQL or SQLite."""


def database_settings(url: str, *, folder: Path) -> dj_database_url.DBConfig:
    """Return what stands in ``DATABASES`` for the database at ``url``.

    Args:
        url: of PostgreSQL or SQLite.
        folder: where the file of SQLite lies, unless its path is absolute.
    """
    # Workers close their connections after every task, so only the web service gains from keeping them.
    settings = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    if settings["ENGINE"] == "django.db.backends.postgresql":
        # A host that drops packets would otherwise hold up every command for minutes.
        settings["OPTIONS"] = {"connect_timeout": CONNECT_TIMEOUT, **settings.get("OPTIONS", {})}
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        # Whatever folder a command is started in, such as an editor's.
        if settings["NAME"] != ":memory:":
            settings["NAME"] = str(folder / settings["NAME"])
        # By default a transaction that reads before it writes fails at once when somebody else writes.
        # https://docs.djangoproject.com/en/stable/ref/databases/#database-is-locked-errors
        settings["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, **settings.get("OPTIONS", {})}
    return settings


def connection_problem(error: DatabaseError, settings: Mapping[str, Any]) -> str | None:
    """Say in one line why there is no connection; ``None`` if ``error`` is about something else.

    Args:
        error: what a command has raised.
        settings: an entry of ``DATABASES``.
    """
    return database_problem(
        str(error), host=settings["HOST"], port=settings["PORT"], user=settings["USER"], name=settings["NAME"]
    )
