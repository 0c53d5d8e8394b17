"""Refuse to go on while a server cannot be used: ``python -m shared.commands.check_servers``."""

import sys

from celery import Celery
from trinity_celery.brokers import find_broker
from trinity_celery.config.urls import name_server
from trinity_celery.health.readiness import connection_checks, failing
from trinity_celery.health.redis_servers import refuse_unsafe_servers
from trinity_celery.health.refusals import refuse_refusing_servers

from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT

PATIENCE = 10.0  # seconds: the clients try again before they say what is wrong, such as a certificate


def main() -> None:
    """Ask broker and result backend, then every Redis or Valkey server whether it may lose tasks.

    Raises:
        SystemExit: one of them does not answer, refuses the password, or is not safe outside development; one line for
            each names the variable.
    """
    app = Celery(PROJECT.name)
    settings = configure_celery_app(app, PROJECT.services[0].name).settings
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


if __name__ == "__main__":
    main()
