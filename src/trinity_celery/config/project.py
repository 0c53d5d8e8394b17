"""What a project consists of: its name, its services and its queues, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Scheduler = Literal["redbeat", "database", "file"]


@dataclass(frozen=True)
class Service:
    """A web service together with the Celery app whose workers run its tasks.

    Attributes:
        name: what the service is called in settings and tests.
        package: the package that holds its tasks; their names begin with it.
        celery_app: module of its Celery app, for ``celery -A``.
        default_queue: where a task of this service goes unless its route says otherwise.
    """

    name: str
    package: str
    celery_app: str
    default_queue: str

    @property
    def delivery_tasks(self) -> str:
        """How the names of the tasks begin that look after its outbox and its keys; they have its routes."""
        return f"{self.package}.delivery.tasks"


@dataclass(frozen=True)
class Queue:
    """A queue and the Celery app of the worker that consumes it.

    Attributes:
        name: what the broker calls it.
        worker_app: module of that app, for ``celery -A``.
    """

    name: str
    worker_app: str

    @property
    def identifier(self) -> str:
        """The name as it stands in variables (upper-cased) and packages: ``-`` and ``.`` become ``_``."""
        return self.name.replace("-", "_").replace(".", "_")


@dataclass(frozen=True)
class Project:
    """The services and queues that belong together, and share one broker.

    Attributes:
        name: what the names of this project's keys, exchanges and queues in servers begin with.
        services: those that send tasks.
        queues: those that some worker consumes.
        beat_scheduler: where beat keeps the schedule; ``None``: there is no beat.
    """

    name: str
    services: Sequence[Service]
    queues: Sequence[Queue]
    beat_scheduler: Scheduler | None = None

    def __post_init__(self) -> None:
        """Keep what others may not change."""
        object.__setattr__(self, "services", tuple(self.services))
        object.__setattr__(self, "queues", tuple(self.queues))

    def queue_names(self) -> list[str]:
        """Return the names of all queues."""
        return [queue.name for queue in self.queues]

    def find_queue(self, name: str) -> Queue:
        """Return the queue with this name.

        Args:
            name: as in ``queues``.

        Raises:
            LookupError: there is none; the message lists those that exist.
        """
        for queue in self.queues:
            if queue.name == name:
                return queue
        raise LookupError(f"{name!r} is not a queue of this project: use one of {', '.join(self.queue_names())}")

    def find_service(self, name: str) -> Service:
        """Return the service with this name.

        Args:
            name: as in ``services``.

        Raises:
            LookupError: there is none.
        """
        for service in self.services:
            if service.name == name:
                return service
        raise LookupError(f"{name!r} is not a service of this project")

    def task_routes(self) -> dict[str, dict[str, str]]:
        """Return Celery's ``task_routes``: by package, so that a new task needs no wiring.

        A package named after a queue (``<package>/gpu/tasks.py`` for the queue ``gpu``) goes to that queue, everything
        else of a service to the service's default queue. The first pattern that matches wins.
        https://docs.celeryq.dev/en/stable/userguide/routing.html#automatic-routing
        """
        routes: dict[str, dict[str, str]] = {}
        for service in self.services:
            others = {other.celery_app for other in self.services if other is not service}
            for queue in self.queues:
                if queue.worker_app not in others:
                    routes[f"{service.package}.{queue.identifier}.*"] = {"queue": queue.name}
            routes[f"{service.package}.*"] = {"queue": service.default_queue}
        return routes

    def queue_of_task(self, task_name: str) -> str | None:
        """Return the queue to which ``task_routes`` sends a task, or ``None`` if no pattern matches its name.

        Args:
            task_name: the task's registered name.
        """
        for pattern, route in self.task_routes().items():
            if fnmatchcase(task_name, pattern):
                return route["queue"]
        return None
