"""What ``trinity check`` asks of broker and result backend."""

import sys

from trinity_celery.brokers import find_broker
from trinity_celery.cli.app import configured_app
from trinity_celery.config import Project, runtime_of
from trinity_celery.config.urls import name_server
from trinity_celery.health.readiness import connection_checks, failing
from trinity_celery.health.redis_servers import refuse_unsafe_servers
from trinity_celery.health.refusals import refuse_refusing_servers

PATIENCE = 10.0  # seconds: the clients try again before they say what is wrong, such as a certificate


def check_servers(project: Project) -> None:
    """Ask broker and result backend, then every Redis or Valkey server whether it may lose tasks.

    Raises:
        SystemExit: one of them does not answer, refuses the password, or is not safe outside development; one line for
            each names the variable.
    """
    app = configured_app(project)
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
