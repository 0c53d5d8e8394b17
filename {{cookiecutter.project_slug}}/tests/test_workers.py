"""Each option of a worker is set by a variable, and is seen to take effect on a running worker."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from trinity_celery.config import load_runtime

from devtools.stack import ROOT, Stack
from shared.queues import PROJECT
from tests.conftest import node_name, sender_for

StartWorker = Callable[..., Celery]


def ask(app: Celery, question: str, name: str) -> Any:
    """Return what the worker called ``name`` answers to one of ``celery inspect``'s questions."""
    node = node_name(name)
    return getattr(app.control.inspect([node], timeout=10, limit=1), question)()[node]


def test_worker_without_a_queue_consumes_those_of_its_app(broker: Stack) -> None:
    owners = {queue.worker_app for queue in PROJECT.queues}
    plain = {app: f"plain-{app}" for app in sorted(owners | {service.celery_app for service in PROJECT.services})}
    foreign = {f"foreign-{service.name}": service.celery_app for service in PROJECT.services[1:]}
    try:
        for app_module, name in plain.items():
            broker.start(name, f"celery -A {app_module} worker --concurrency 1 --hostname {name}@%h")
        for name, app_module in foreign.items():
            options = f"--queues {PROJECT.services[0].default_queue} --concurrency 1 --hostname {name}@%h"
            broker.start(name, f"celery -A {app_module} worker {options}")
        for app_module in sorted(plain.keys() - owners):
            name = plain.pop(app_module)
            assert broker.wait(name, 30) == 1
            assert "error: --queues is missing: no queue is this app's own: use -A " in broker.log(name).read_text()
        app = sender_for(broker.environment)
        nodes = {node_name(name) for name in [*plain.values(), *foreign]}
        answers: dict[str, Any] = {}
        deadline = time.monotonic() + 30
        while set(answers) != nodes and time.monotonic() < deadline:
            broker.check()
            answers = app.control.inspect(list(nodes), timeout=1, limit=len(nodes)).active_queues() or {}
        for app_module, name in plain.items():
            # An app that is no service's own runs the tasks of all.
            is_shared = all(service.celery_app != app_module for service in PROJECT.services)
            own = [queue.name for queue in PROJECT.queues if is_shared or queue.worker_app == app_module]
            consumed = {queue for each in own for queue in load_runtime(PROJECT).consumed_queues(each)}
            assert {each["name"] for each in answers[node_name(name)]} == consumed
        for name in foreign:
            warning = f"warning: --queues {PROJECT.services[0].default_queue}: this worker knows no task of"
            assert f"{warning} {PROJECT.services[0].package}, " in broker.log(name).read_text()
            assert [each["name"] for each in answers[node_name(name)]] == [PROJECT.services[0].default_queue]
    finally:
        broker.stop(*plain.values(), *foreign)


@pytest.mark.parametrize("queue", PROJECT.queues, ids=lambda queue: queue.name)
def test_make_target_of_every_queue(queue: Any) -> None:
    done = subprocess.run(
        ["make", "--dry-run", f"celery-{queue.name}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"trinity worker {queue.name}" in done.stdout
