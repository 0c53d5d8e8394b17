"""Which of the template's files leave a rendering, and which get another name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .answers import Answers, Queue, check_services
from .processes import BOTH

# What leaves a rendering when the feature was not chosen. A test holds that every path exists.
REMOVE_UNLESS = {
    "django": (
        "manage.py",
        "backend",
        "config",
        "tests/django",
        "docs/tasks-in-django.md",
        "devtools/bench/baselines/web_delay.py",
    ),
    "fastapi": (
        "app",
        "tests/fastapi",
        "docs/tasks-in-fastapi.md",
        "devtools/bench/baselines/fastapi_delay.py",
    ),
    "two services": (
        "tests/test_across_services.py",
        "docs/tasks-across-services.md",
        "docker/dev/app-tables.yaml",
        "docker/prod/app-tables.yaml",
    ),
    "combined": ("combined",),
    "beat": (
        "shared/schedule.py",
        "tests/beat_before_three.py",
        "tests/changing_clocks.py",
        "tests/test_beat.py",
        "tests/test_beat_heartbeat.py",
        "tests/chaos/beat_every_second.py",
        "tests/chaos/faults/beat.py",
        "tests/test_beat_schedule.py",
        "tests/test_crontabs.py",
        "docs/schedules.md",
    ),
    "redbeat": ("tests/chaos/faults/standby.py", "tests/test_beat_redbeat.py"),
    "database": (
        "backend/platform/management",
        "tests/django/test_periodic.py",
    ),
    "file": ("tests/test_beat_file.py", "docker/prod/beat.yaml"),
    "rabbitmq": (
        "tests/test_rabbitmq.py",
        "tests/test_rabbitmq_outages.py",
        "docs/run-with-rabbitmq.md",
        "docker/dev/rabbitmq.yaml",
        "docker/prod/rabbitmq.yaml",
    ),
    "flower": (
        "tests/test_flower.py",
        "docs/watch-with-flower.md",
    ),
}

# NAME__ANSWER, with any suffix, becomes NAME where that answer was given, and is removed otherwise.
VARIANTS = {
    "broker": (
        "tests/chaos/brokers__redis.py",
        "tests/chaos/brokers__rabbitmq.py",
    ),
    "beat_scheduler": (
        "docs/beat-state__redbeat.md",
        "docs/beat-state__database.md",
        "docs/beat-state__file.md",
    ),
    "license": ("LICENSE__MIT", "LICENSE__Apache-2.0", "LICENSE__BSD-3-Clause", "LICENSE__Proprietary"),
}


def chosen_features(answers: Answers, queues: tuple[Queue, ...]) -> set[str]:
    """Return the keys of ``REMOVE_UNLESS`` whose files stay."""
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


def split_variant(path: str) -> tuple[str, str]:
    """Return what a path of ``VARIANTS`` is renamed to, and for which answer."""
    name, _, rest = path.partition("__")
    answer = re.sub(r"\.[a-z]+$", "", rest)  # a suffix has letters only, so Apache-2.0 is an answer as a whole
    return name + rest.removeprefix(answer), answer


def removed_files(answers: Answers, queues: tuple[Queue, ...]) -> Iterator[str]:
    """Yield the files and folders that were not chosen."""
    features = chosen_features(answers, queues)
    for feature, paths in REMOVE_UNLESS.items():
        if feature not in features:
            yield from paths
    for key, paths in VARIANTS.items():
        yield from (path for path in paths if split_variant(path)[1] != answers[key])


def renamed_files(answers: Answers) -> Iterator[tuple[str, str]]:
    """Yield old and new name of the variants that were chosen."""
    for key, paths in VARIANTS.items():
        for path in paths:
            name, answer = split_variant(path)
            if answer == answers[key]:
                yield path, name
