"""Which answers the tests render: all pairs of options, read from cookiecutter.json, and layouts with a name."""

import json
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
QUESTIONS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text())

Answers = dict[str, Any]
Pair = frozenset[tuple[str, Any]]

QUEUES = "queues"
QUEUE_LAYOUTS = ("default", "one shared", "owned and shared", "three")

NAMED: dict[str, Answers] = {
    "default": {},
    "fastapi-rabbitmq-file": {"use_django": False, "broker": "rabbitmq", "beat_scheduler": "file"},
    "django-database": {"use_fastapi": False, "beat_scheduler": "database", "use_flower": False},
    "one-shared-queue": {"queues": "trinity.tasks"},
    "three-queues": {"queues": "platform:django, atom:fastapi, gpu:fastapi"},
    "minimal": {"use_django": False, "beat_scheduler": "none", "use_flower": False},
}


def _levels() -> dict[str, tuple[Any, ...]]:
    levels: dict[str, tuple[Any, ...]] = {}
    for key, default in QUESTIONS.items():
        if key.startswith("_"):
            continue
        if isinstance(default, bool):
            levels[key] = (True, False)
        elif isinstance(default, list):
            levels[key] = tuple(default)
    return levels | {QUEUES: QUEUE_LAYOUTS}


LEVELS = _levels()


def is_valid(choice: Answers) -> bool:
    """Whether the template accepts these choices together."""
    if choice["use_django"]:
        return True
    return bool(choice["use_fastapi"]) and choice["beat_scheduler"] != "database"


VALID: list[Answers] = [
    choice for values in product(*LEVELS.values()) if is_valid(choice := dict(zip(LEVELS, values, strict=True)))
]


def pairs_of(choice: Answers) -> set[Pair]:
    """Return every two choices that are made together."""
    return {frozenset(pair) for pair in combinations(choice.items(), 2)}


def all_pairs() -> list[Answers]:
    """Return few valid choices that hold every pair that can occur, greedily, the same ones each time."""
    missing = set[Pair]().union(*map(pairs_of, VALID))
    chosen = []
    while missing:
        best = max(VALID, key=lambda choice: len(pairs_of(choice) & missing))
        missing -= pairs_of(best)
        chosen.append(best)
    return chosen


def _queues_answer(choice: Answers) -> str:
    if choice[QUEUES] == "one shared":
        return "trinity.tasks"
    services = [name for name in ("django", "fastapi") if choice[f"use_{name}"]]
    owned = [f"{queue}:{owner}" for queue, owner in (("platform", "django"), ("atom", "fastapi")) if owner in services]
    if choice[QUEUES] == "owned and shared":
        return ", ".join([*owned, "common"])
    more = [f"gpu:{services[-1]}", f"bulk-mail:{services[0]}"]
    return ", ".join([*owned, *more][:3])


def as_answers(choice: Answers) -> Answers:
    """Return ``choice`` as answers to the template's questions."""
    answers = {key: value for key, value in choice.items() if key != QUEUES}
    return answers if choice[QUEUES] == "default" else answers | {QUEUES: _queues_answer(choice)}


def name_of(choice: Answers) -> str:
    """Return a readable name, such as ``django-one_shared-redis-file-flower-MIT``."""
    words = [
        key.removeprefix("use_") if value is True else str(value).replace(" ", "_")
        for key, value in choice.items()
        if value is not False
    ]
    return "-".join(words)


def renderings() -> Iterator[tuple[str, Answers]]:
    """Yield name and answers of everything that the tests render."""
    yield from NAMED.items()
    for choice in all_pairs():
        yield name_of(choice), as_answers(choice)
