"""Where Django's tables are, and what to say when there is no connection to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dj_database_url
from django.db.utils import DatabaseError
from trinity_celery.transactions.database_problems import database_problem

CONNECT_TIMEOUT = 5  # seconds
PROJECT_FOLDER = Path(__file__).resolve().parent.parent


def database(url: str) -> dj_database_url.DBConfig:
    """Return Django's configuration of the database at ``url``."""
    # Workers close their connections after every task, so only the web service gains from keeping them.
    configuration = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    if configuration["ENGINE"] == "django.db.backends.postgresql":
        # A host that drops packets would otherwise hold up every command for minutes.
        configuration["OPTIONS"] = {"connect_timeout": CONNECT_TIMEOUT, **configuration.get("OPTIONS", {})}
    if configuration["ENGINE"] == "django.db.backends.sqlite3":
        # Whatever folder a command is started in, such as an editor's.
        if configuration["NAME"] != ":memory:":
            configuration["NAME"] = str(PROJECT_FOLDER / configuration["NAME"])
        # By default a transaction that reads before it writes fails at once when somebody else writes.
        # https://docs.djangoproject.com/en/stable/ref/databases/#database-is-locked-errors
        configuration["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, **configuration.get("OPTIONS", {})}
    return configuration


def connection_problem(error: DatabaseError, configuration: Mapping[str, Any]) -> str | None:
    """Say in one line why there is no connection; ``None`` if ``error`` is about something else."""
    return database_problem(
        str(error),
        host=configuration["HOST"],
        port=configuration["PORT"],
        user=configuration["USER"],
        name=configuration["NAME"],
    )
