"""Which queues a worker consumes: those that it was told, or else those of its app.

Celery's own default is every queue that ``task_queues`` lists, and that lists them all, since every process may send to
each.
"""

import sys
from collections.abc import Sequence

from celery import Celery

from trinity_celery.config.project import Project, Queue, Service
from trinity_celery.config.runtime import runtime_of


def _knows(app: Celery, service: Service) -> bool:
    """Return whether ``app`` has tasks of ``service``, other than those that any process of Django has."""
    names = [name for name in app.tasks if name.startswith(f"{service.package}.")]
    return any(not name.startswith(f"{service.delivery_tasks}.") for name in names)


def unknown_package(app: Celery, project: Project, queue: Queue) -> str | None:
    """Return a package whose tasks wait in ``queue``, and of which ``app`` knows none, if there is one."""
    owners = [service for service in project.services if service.celery_app == queue.worker_app]
    return next((each.package for each in owners or project.services if not _knows(app, each)), None)


def choose_queues(app: Celery, chosen: str | Sequence[str] | None) -> None:
    """Let the worker of ``app`` consume the queues of its app, unless some were ``chosen`` with ``--queues``.

    Raises:
        SystemExit: none was chosen, and none is the app's.
    """
    runtime = runtime_of(app)
    project = runtime.project
    names = chosen.split(",") if isinstance(chosen, str) else list(chosen or [])
    packages = {
        name: unknown_package(app, project, queue)
        for queue in project.queues
        for name in runtime.consumed_queues(queue.name)
    }
    for name in names:
        if package := packages.get(name):
            problem = f"this worker knows no task of {package}, and makes dead letters of them"
            print(f"warning: --queues {name}: {problem}", file=sys.stderr)
    if not names:
        own = [name for name, package in packages.items() if package is None]
        if not own:
            apps = " or ".join(dict.fromkeys(queue.worker_app for queue in project.queues))
            raise SystemExit(f"error: --queues is missing: no queue is this app's own: use -A {apps}")
        app.amqp.queues.select(own)
