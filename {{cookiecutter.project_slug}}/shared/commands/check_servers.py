"""Refuse to go on while broker or result backend cannot be used: ``python -m shared.commands.check_servers``."""

import sys
from urllib.parse import urlsplit

from celery import Celery

from shared.celery_settings import configure_celery_app
from shared.environment import load
from shared.health import CONNECTION_CHECKS, failing
from shared.layout import PROJECT, SERVICES
from shared.redis_state import refuse_unsafe_servers
from shared.refusals import refuse_refusing_servers
from shared.settings import CelerySettings

PATIENCE = 10.0  # seconds: the clients try again before they say what is wrong, such as a certificate


def _place(settings: CelerySettings, server: str) -> str:
    """Return the variable that names a server, and where it is, without its password."""
    variable, url = {
        "broker": ("CELERY_BROKER_URL", settings.celery_broker_url),
        "result backend": ("CELERY_RESULT_BACKEND", settings.celery_result_backend),
    }[server]
    parts = urlsplit(url or settings.redis_url)
    return f"{variable if url else 'REDIS_URL'}: the {server} at {parts.hostname}:{parts.port}"


def main() -> None:
    """Ask both, and look whether they may lose tasks.

    Raises:
        SystemExit: one of them does not answer, refuses the password, or is not safe outside development; one line for
            each names the variable.
    """
    settings = load(CelerySettings)
    configure_celery_app(Celery(PROJECT), SERVICES[0].name, settings)
    refuse_refusing_servers(settings)
    problems = failing(CONNECTION_CHECKS, PATIENCE)
    if problems:
        raise SystemExit(
            "\n".join(
                f"error: {_place(settings, server)}: {problem}: start it, or correct the variable"
                for server, problem in problems.items()
            )
        )
    for line in refuse_unsafe_servers(settings):
        print(f"warning: {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
