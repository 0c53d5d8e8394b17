"""Refuse to go on while a server cannot be used: ``python -m shared.commands.check_servers``."""

import sys

from celery import Celery

from shared.celery_settings import configure_celery_app
from shared.environment import load
from shared.find_broker import find_broker
from shared.health import CONNECTION_CHECKS, failing
from shared.layout import PROJECT, SERVICES
from shared.redis_state import refuse_unsafe_servers
from shared.refusals import refuse_refusing_servers
from shared.settings import CelerySettings
from shared.urls import name_server

PATIENCE = 10.0  # seconds: the clients try again before they say what is wrong, such as a certificate


def main() -> None:
    """Ask broker and result backend, then every Redis or Valkey server whether it may lose tasks.

    Raises:
        SystemExit: one of them does not answer, refuses the password, or is not safe outside development; one line for
            each names the variable.
    """
    settings = load(CelerySettings)
    configure_celery_app(Celery(PROJECT), SERVICES[0].name, settings)
    refuse_refusing_servers(settings)
    places = {
        "broker": name_server(
            settings.broker_variable, settings.broker_url, find_broker(settings.broker_url).default_port
        ),
        "result backend": name_server(settings.result_backend_variable, settings.result_backend, 6379),
    }
    problems = failing(CONNECTION_CHECKS, PATIENCE)
    away = {places[server]: f"{places[server]}: {problem}" for server, problem in problems.items()}
    found = [] if away else refuse_unsafe_servers(settings)
    if lines := [*away.values(), *(problem.text for problem in found if problem.is_away)]:
        raise SystemExit("\n".join(f"error: {line}: start it, or correct the variable" for line in lines))
    for problem in found:
        print(f"warning: {problem.text}", file=sys.stderr)


if __name__ == "__main__":
    main()
