"""What an answer means: the only place that validates answers and derives from them what gets rendered.

``plan(answers)`` is called by the template's files, by the hook and by the tests. A wrong answer raises
cookiecutter's own ``FailedHookException``, which its command line prints as one line, with exit status 1 and
nothing left on disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension

from .answers import (
    EXAMPLE_QUEUES,
    PACKAGES,
    TITLES,
    WORKER_APPS,
    Answers,
    Queue,
    check_queues,
    check_scheduler,
    check_services,
    check_slug,
    check_text,
    default_queues,
)
from .files import removed_files, renamed_files
from .picture import in_words, listed, picture
from .processes import BOTH, Image, Layout, Process, Variable, check_variables, images, processes, release_variables

# Where the template lies: in a clone, in what an archive was unpacked to. Cruft defines no ``_repo_dir``.
TEMPLATE = Path(__file__).resolve().parent.parent

BROKERS = {"redis": "Redis", "rabbitmq": "RabbitMQ"}
SCHEDULERS = {
    "redbeat": ("RedBeat", "redbeat"),
    "database": ("the database", "database-beat"),
    "file": ("a file", ""),
    "none": ("", ""),
}


@dataclass(frozen=True)
class Service:
    """One half of the project: a web service together with the worker app that runs its tasks."""

    name: str
    title: str
    package: str
    celery_app: str
    default_queue: str

    @property
    def ping_task(self) -> str:
        """The task of the worked example that only answers."""
        return f"{self.package}.{EXAMPLE_QUEUES[self.name]}.tasks.ping"


@dataclass(frozen=True)
class Plan:
    """Everything that the template and the hook need to know about the answers."""

    services: tuple[Service, ...]
    queues: tuple[Queue, ...]
    remove: tuple[str, ...]
    rename: tuple[tuple[str, str], ...]
    summary: str
    scheduler_extra: str
    layout: Layout

    @property
    def processes(self) -> list[Process]:
        """The lines of ``Procfile``, which are also the services of the Compose files."""
        return list(processes(self.layout))

    @property
    def procfile(self) -> list[str]:
        """The lines of ``Procfile``."""
        commands = [("release", " && ".join(self.layout.release_commands))]
        commands += [(process.name, process.command) for process in self.processes]
        return [f"{name}: {command}" for name, command in commands]

    @property
    def watchers(self) -> list[Process]:
        """The processes that are neither web services nor workers: each has a target of its own."""
        return [process for process in self.processes if process.name in ("celery-beat", "flower")]

    @property
    def images(self) -> list[Image]:
        """The container images."""
        return list(images(self.layout).values())

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers that the Compose files run."""
        return self.layout.servers

    @property
    def release_variables(self) -> list[Variable]:
        """What the command that runs before the processes needs."""
        return release_variables(self.layout)

    @property
    def check_variables(self) -> list[Variable]:
        """What is checked before production starts."""
        return check_variables(self.layout)

    @property
    def code_folders(self) -> list[str]:
        """The packages that are deployed."""
        folders = {"shared", *(service.package for service in self.services)}
        folders |= {queue.worker_app.partition(".")[0] for queue in self.queues}
        folders |= {service.celery_app.partition(".")[0] for service in self.services}
        return sorted(folders)

    @property
    def combined(self) -> bool:
        """Whether some queue is consumed by one worker for both services."""
        return any(queue.owner == BOTH for queue in self.queues)

    @property
    def picture(self) -> str:
        """An SVG picture of what runs."""
        return picture(self.layout)

    @property
    def picture_in_words(self) -> str:
        """What it shows."""
        return in_words(self.layout)

    @property
    def hook_data(self) -> str:
        """The part that the hook works on, as JSON."""
        return json.dumps(
            {"remove": self.remove, "rename": self.rename, "summary": self.summary, "template": str(TEMPLATE)}
        )


def _summary(answers: Answers, services: tuple[Service, ...], queues: tuple[Queue, ...]) -> str:
    scheduler = SCHEDULERS[answers["beat_scheduler"]][0]
    parts = [
        listed([service.title for service in services]),
        f"{'queues' if len(queues) > 1 else 'queue'} {listed([queue.name for queue in queues])}",
        f"{BROKERS[answers['broker']]} as broker",
        f"beat with its schedule in {scheduler}" if scheduler else "no beat",
        "Flower" if answers["use_flower"] else "no Flower",
    ]
    return f"Created {answers['project_slug']}/ with {'; '.join(parts)}; license {answers['license']}."


def plan(answers: Answers) -> Plan:
    """Validate all answers and derive what gets rendered from them.

    Raises:
        FailedHookException: an answer is wrong; the message is one line that says what would be right.
    """
    for key in ("project_name", "description", "author_name"):
        check_text(key, answers[key])
    check_slug(answers["project_slug"])
    queues = check_queues(answers)
    check_scheduler(answers)
    services = tuple(
        Service(
            name=name,
            title=TITLES[name],
            package=PACKAGES[name],
            celery_app=WORKER_APPS[name],
            default_queue=next(queue.name for queue in queues if queue.owner in (name, BOTH)),
        )
        for name in check_services(answers)
    )
    return Plan(
        services=services,
        queues=queues,
        remove=tuple(removed_files(answers, queues)),
        rename=tuple(renamed_files(answers)),
        summary=_summary(answers, services, queues),
        scheduler_extra=SCHEDULERS[answers["beat_scheduler"]][1],
        layout=Layout(
            slug=answers["project_slug"],
            services=tuple(service.name for service in services),
            queues=tuple((queue.name, queue.owner) for queue in queues),
            broker=answers["broker"],
            beat_scheduler=answers["beat_scheduler"],
            flower=answers["use_flower"],
        ),
    )


class PlanExtension(Extension):
    """Gives the functions of this module to ``cookiecutter.json``, to the template's files and to the hook."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(
            plan=plan,
            check_text=check_text,
            check_slug=check_slug,
            check_services=check_services,
            check_queues=check_queues,
            check_scheduler=check_scheduler,
            default_queues=default_queues,
        )
