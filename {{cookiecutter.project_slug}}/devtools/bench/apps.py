"""The Celery apps that are compared, each in processes of its own."""

from importlib import import_module
from typing import Any

from devtools.bench.many_queues import add_queues


def project_tasks() -> Any:
    """Return the module of the project's tasks, bound to the app of the service that owns the first queue."""
    from shared.queues import PROJECT

    app = import_module(PROJECT.find_queue(PROJECT.queue_names()[0]).worker_app).celery_app
    app.loader.import_default_modules()
    return import_module("devtools.bench.tasks")


def project_app(queues: int = 0) -> Any:
    """Return the project's app, with that many queues more."""
    app = project_tasks().mark.app
    add_queues(app.conf, queues)
    return app


def find_app(name: str) -> Any:
    """Return the app of a baseline, or the project's."""
    return project_app() if name == "project" else import_module(f"devtools.bench.baselines.{name}").app
