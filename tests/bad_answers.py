"""Every kind of answer that the template refuses, with the one line that it says."""

from typing import NamedTuple

from tests.matrix import Answers


class BadAnswer(NamedTuple):
    """Answers of which one is wrong."""

    name: str
    answers: Answers
    message: str


def _slug(slug: str) -> str:
    return (
        f"project_slug: {slug!r} is not a slug: use lower-case words joined by '-', starting with a letter, "
        "such as my-shop"
    )


def _taken(slug: str) -> str:
    return f"project_slug: {slug!r} is taken by Python or by a dependency: use another, such as {slug}-jobs"


def _unusable(key: str, shown: str) -> str:
    return f"{key}: {shown} cannot be used: leave out double quotes, backslashes, braces and line breaks"


def _queue_name(name: str) -> str:
    return (
        f"queues: {name!r} is not a queue name: use lower-case letters, digits, '-' and '.', starting with a letter, "
        "at most 40 characters"
    )


def _reserved(name: str, other: str) -> str:
    return f"queues: {name!r} is reserved: use another name, such as {other}"


LONG = "a" * 41
EMPTY_QUEUE = "queues: a name is empty: write them as 'platform:django, atom:fastapi'"
NO_SERVICE = "use_django, use_fastapi: no service is selected: answer yes to at least one"
NO_DATABASE = "beat_scheduler: 'database' needs Django: use redbeat, file or none, or answer yes to use_django"

BAD_ANSWERS = [
    BadAnswer("blank project name", {"project_name": " "}, "project_name: is empty: write at least one word"),
    BadAnswer("quote in project name", {"project_name": 'The "Shop"'}, _unusable("project_name", "'\"'")),
    BadAnswer("line break in description", {"description": "one\ntwo"}, _unusable("description", r"'\n'")),
    BadAnswer("backslash in description", {"description": r"C:\shop"}, _unusable("description", r"'\\'")),
    BadAnswer("brace in author", {"author_name": "{me}"}, _unusable("author_name", "'{'")),
    BadAnswer("empty slug", {"project_slug": ""}, _slug("")),
    BadAnswer("upper case in slug", {"project_slug": "Shop"}, _slug("Shop")),
    BadAnswer("underscore in slug", {"project_slug": "my_shop"}, _slug("my_shop")),
    BadAnswer("digit first in slug", {"project_slug": "3shop"}, _slug("3shop")),
    BadAnswer("dash last in slug", {"project_slug": "shop-"}, _slug("shop-")),
    BadAnswer("path as slug", {"project_slug": "../shop"}, _slug("../shop")),
    BadAnswer("name without a letter", {"project_name": "!!!"}, _slug("")),
    BadAnswer("slug too long", {"project_slug": LONG}, f"project_slug: {LONG!r} has 41 characters: use at most 40"),
    BadAnswer("keyword as slug", {"project_slug": "class"}, _taken("class")),
    BadAnswer("dependency as slug", {"project_slug": "celery"}, _taken("celery")),
    BadAnswer("no service", {"use_django": "n", "use_fastapi": "n"}, NO_SERVICE),
    BadAnswer("no queue", {"queues": ""}, EMPTY_QUEUE),
    BadAnswer("empty queue name", {"queues": "platform:django,,atom:fastapi"}, EMPTY_QUEUE),
    BadAnswer("owner without queue name", {"queues": ":django, atom:fastapi"}, EMPTY_QUEUE),
    BadAnswer("upper case in queue name", {"queues": "Platform!"}, _queue_name("Platform!")),
    BadAnswer("underscore in queue name", {"queues": "big_jobs"}, _queue_name("big_jobs")),
    BadAnswer("queue name too long", {"queues": LONG}, _queue_name(LONG)),
    BadAnswer("reserved queue name", {"queues": "beat"}, _reserved("beat", "beat-jobs")),
    BadAnswer("beat queue of another", {"queues": "jobs, jobs.beat"}, _reserved("jobs.beat", "jobs-jobs")),
    BadAnswer(
        "queue twice",
        {"queues": "jobs, jobs"},
        "queues: 'jobs' stands twice ('jobs' came first): give each queue a name of its own",
    ),
    BadAnswer(
        "short queue twice",
        {"queues": "a, a"},
        "queues: 'a' stands twice ('a' came first): give each queue a name of its own",
    ),
    BadAnswer(
        "queues that differ in punctuation",
        {"queues": "big.jobs, big-jobs"},
        "queues: 'big-jobs' stands twice ('big.jobs' came first): give each queue a name of its own",
    ),
    BadAnswer(
        "unknown owner",
        {"queues": "platform:rails"},
        "queues: 'platform' has the owner 'rails', which is no selected service: use django, fastapi",
    ),
    BadAnswer(
        "empty owner",
        {"queues": "platform:, atom:fastapi"},
        "queues: 'platform' has the owner '', which is no selected service: use django, fastapi",
    ),
    BadAnswer(
        "owner that was not selected",
        {"use_fastapi": "n", "queues": "platform:django, atom:fastapi"},
        "queues: 'atom' has the owner 'fastapi', which is no selected service: use django",
    ),
    BadAnswer(
        "Django owns no queue",
        {"queues": "atom:fastapi"},
        "queues: django owns no queue: add one, such as platform:django",
    ),
    BadAnswer(
        "FastAPI owns no queue",
        {"queues": "platform:django"},
        "queues: fastapi owns no queue: add one, such as atom:fastapi",
    ),
    BadAnswer("database without Django", {"use_django": "n", "beat_scheduler": "database"}, NO_DATABASE),
]
