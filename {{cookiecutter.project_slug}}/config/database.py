"""Where Django's tables are, and what to say when there is no connection to them."""

import re
from collections.abc import Mapping
from typing import Any

import dj_database_url
from django.db.utils import OperationalError

CONNECT_TIMEOUT = 5  # seconds

# What psycopg says when it gets no connection: where it tried, and then why it did not work.
NO_CONNECTION = re.compile(
    r"(?:connection (?:failed|is bad): (?:.*? failed: )?(?:fe_sendauth: )?(?P<fatal>FATAL: +)?"
    r"|failed to resolve host .*?: (?:\[.*?\] )?"
    r"|(?=connection timeout))(?P<reason>.+)"
)
PASSWORD_REFUSED = re.compile(r".*authentication failed|no password supplied")
USER_REFUSED = re.compile(r"role .*")
NO_DATABASE = re.compile(r"database .* does not exist")


def database(url: str) -> dj_database_url.DBConfig:
    """Return Django's configuration of the database at ``url``."""
    # Workers close their connections after every task, so only the web service gains from keeping them.
    configuration = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    if configuration["ENGINE"] == "django.db.backends.postgresql":
        # A host that drops packets would otherwise hold up every command for minutes.
        configuration["OPTIONS"] = {"connect_timeout": CONNECT_TIMEOUT, **configuration.get("OPTIONS", {})}
    return configuration


def connection_problem(error: OperationalError, configuration: Mapping[str, Any]) -> str | None:
    """Say in one line why there is no connection; ``None`` if ``error`` is about something else."""
    if str(error) == "unable to open database file":
        advice = "make its folder, let this user write there, or correct the variable"
        return f"DATABASE_URL: SQLite cannot open {configuration['NAME']}: {advice}"
    found = NO_CONNECTION.match(str(error))
    if not found:
        return None
    where = f"{configuration['HOST']}:{configuration['PORT'] or 5432}" if configuration["HOST"] else "the local socket"
    return f"DATABASE_URL: the database at {where} {_answer(found, configuration)}"


def _answer(found: re.Match[str], configuration: Mapping[str, Any]) -> str:
    reason, login = found["reason"], f'refuses the login of user "{configuration["USER"]}"'
    if password := PASSWORD_REFUSED.match(reason):
        return f"{login}: {password.group()}: use the password that it was created with"
    if USER_REFUSED.match(reason):
        return f"{login}: {reason}: use the user that it was created with"
    if NO_DATABASE.match(reason):
        return f"{login}: {reason}: create it, or correct the variable"
    if found["fatal"]:
        return f"refuses the connection: {reason}: try again later, or correct the variable"
    return f"does not answer: {reason}: start it, or correct the variable"
