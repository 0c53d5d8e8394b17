"""``trinity check``: say what is wrong with settings and servers before a process meets it."""

import os
import sys

import click

from trinity_celery.brokers import find_broker
from trinity_celery.cli.app import configured_app
from trinity_celery.cli.project import find_project
from trinity_celery.config import load_runtime, runtime_of
from trinity_celery.config.environment import PLACEHOLDER
from trinity_celery.config.urls import name_server
from trinity_celery.health.readiness import connection_checks, failing
from trinity_celery.health.redis_servers import refuse_unsafe_servers
from trinity_celery.health.refusals import refuse_refusing_servers

PATIENCE = 10.0  # seconds: the clients try again before they say what is wrong, such as a certificate


def placeholders() -> list[str]:
    """Return a line for each variable of this process that was not filled in."""
    return [
        f"{name}: still holds {PLACEHOLDER}: put the real value there"
        for name, value in sorted(os.environ.items())
        if PLACEHOLDER in value
    ]


def check_settings() -> None:
    """Say what is wrong with the variables of this process.

    Raises:
        SystemExit: one holds a placeholder or a bad value; one line for each.
    """
    if lines := placeholders():
        raise SystemExit("\n".join(lines))
    load_runtime(find_project())


def check_servers() -> None:
    """Ask broker and result backend, then every Redis or Valkey server whether it may lose tasks.

    Raises:
        SystemExit: one of them does not answer, refuses the password, or is not safe outside development; one line for
            each names the variable.
    """
    app = configured_app(find_project())
    settings = runtime_of(app).settings
    refuse_refusing_servers(app)
    places = {
        "broker": name_server(
            settings.broker_variable, settings.broker_url, find_broker(settings.broker_url).default_port
        ),
        "result backend": name_server(settings.result_backend_variable, settings.result_backend, 6379),
    }
    problems = failing(connection_checks(app), PATIENCE)
    away = {places[server]: f"{places[server]}: {problem}" for server, problem in problems.items()}
    found = [] if away else refuse_unsafe_servers(settings)
    if lines := [*away.values(), *(problem.text for problem in found if problem.is_away)]:
        raise SystemExit("\n".join(f"error: {line}: start it, or correct the variable" for line in lines))
    for problem in found:
        print(f"warning: {problem.text}", file=sys.stderr)


@click.command
@click.option("--settings", "only_settings", is_flag=True, help="Look at variables only, before any server runs.")
def check(only_settings: bool) -> None:
    """Ask whether settings are right, and whether broker and result backend can be used and lose nothing."""
    if only_settings:
        check_settings()
    else:
        check_servers()
