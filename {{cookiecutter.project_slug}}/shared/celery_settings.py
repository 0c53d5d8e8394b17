"""The one Celery configuration of this project: environment -> typed settings -> Celery's configuration.

Every process that touches Celery goes through ``configure_celery_app``, so that whoever sends a task and whoever
runs it agree on broker, queues, routes and serializers.
"""

from typing import Any

from celery import Celery
from trinity_celery.config import CelerySettings, Runtime
from trinity_celery.worker import configure

from shared import contracts  # noqa: F401  (a task's arguments are checked against its contract)
from shared.queues import PROJECT


def configure_celery_app(app: Celery, service_name: str, settings: CelerySettings | None = None) -> Runtime:
    """Give ``app`` the shared configuration and make it the app that every thread of this process uses.

    Args:
        app: the Celery app of a service.
        service_name: which service, as ``shared.queues`` calls it.
        settings: read from the environment unless given.

    Raises:
        SystemExit: a variable has a bad value.
    """
    options: dict[str, Any] = {}

    # jinja: if cookiecutter.beat_scheduler != "none"
    from shared.schedule import entries

    options["schedule"] = entries
    # jinja: endif
    return configure(app, project=PROJECT, service=service_name, settings=settings, **options)
