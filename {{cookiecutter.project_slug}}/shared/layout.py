"""What this project consists of: its name, its services and its queues, as plain data.

To add a queue, add a ``Queue`` here, a line to ``Procfile``, a service to both Compose files, and its name to
``QUEUES`` in the ``Makefile``; the tests name whatever is missing.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

PROJECT = "{{ cookiecutter.project_slug }}"


@dataclass(frozen=True)
class Service:
    """A web service together with the Celery app whose workers run its tasks.

    Attributes:
        name: what the service is called in settings and tests.
        package: the package that holds its tasks; their names begin with it.
        celery_app: module of its Celery app, for ``celery -A``.
        default_queue: where a task of this service goes unless its route says otherwise.
        ping_task: a task of this service that only answers.
    """

    name: str
    package: str
    celery_app: str
    default_queue: str
    ping_task: str


@dataclass(frozen=True)
class Queue:
    """A queue and the Celery app of the worker that consumes it."""

    name: str
    worker_app: str

    @property
    def identifier(self) -> str:
        """The name as it stands in variables (upper-cased) and packages: ``-`` and ``.`` become ``_``."""
        return self.name.replace("-", "_").replace(".", "_")


SERVICES = [
    # jinja: for service in plan(cookiecutter).services
    Service(
        name="{{ service.name }}",
        package="{{ service.package }}",
        celery_app="{{ service.celery_app }}",
        default_queue="{{ service.default_queue }}",
        ping_task="{{ service.ping_task }}",
    ),
    # jinja: endfor
]

QUEUES = [
    # jinja: for queue in plan(cookiecutter).queues
    Queue(name="{{ queue.name }}", worker_app="{{ queue.worker_app }}"),
    # jinja: endfor
]


def queue_names() -> list[str]:
    """Return the names of all queues."""
    return [queue.name for queue in QUEUES]


def find_queue(name: str) -> Queue:
    """Return the queue called ``name``.

    Raises:
        LookupError: there is none; the message lists those that exist.
    """
    for queue in QUEUES:
        if queue.name == name:
            return queue
    raise LookupError(f"{name!r} is not a queue of this project: use one of {', '.join(queue_names())}")


def find_service(name: str) -> Service:
    """Return the service called ``name``; raise ``LookupError`` if there is none."""
    for service in SERVICES:
        if service.name == name:
            return service
    raise LookupError(f"{name!r} is not a service of this project")


def task_routes() -> dict[str, dict[str, str]]:
    """Return Celery's ``task_routes``: by package, so that a new task needs no wiring.

    A package named after a queue (``<package>/gpu/tasks.py`` for the queue ``gpu``) goes to that queue, everything
    else of a service to the service's default queue. The first pattern that matches wins.
    https://docs.celeryq.dev/en/stable/userguide/routing.html#automatic-routing
    """
    routes: dict[str, dict[str, str]] = {}
    for service in SERVICES:
        others = {other.celery_app for other in SERVICES if other is not service}
        for queue in QUEUES:
            if queue.worker_app not in others:
                routes[f"{service.package}.{queue.identifier}.*"] = {"queue": queue.name}
        routes[f"{service.package}.*"] = {"queue": service.default_queue}
    return routes


def queue_of_task(task_name: str) -> str | None:
    """Return the queue to which ``task_routes`` sends a task, or ``None`` if no pattern matches its name."""
    for pattern, route in task_routes().items():
        if fnmatchcase(task_name, pattern):
            return route["queue"]
    return None
