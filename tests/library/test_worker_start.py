"""A worker starts fast and stays small: it loads its own tasks, and nothing of what other processes do."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery

from tests.library.harness import QUEUE
from tests.library.shop.queues import PROJECT
from tests.library.tasks.loaded import described
from trinity_celery.cli import worker
from trinity_celery.testing.processes import Processes

# What the other commands of Celery, and those of packages that add some, would bring along.
COMMANDS = {"celery.bin.celery", "click_repl", "prompt_toolkit", "tornado", "trinity_celery.testing"}


@pytest.mark.parametrize("queue", PROJECT.queues, ids=lambda queue: queue.name)
def test_worker_loads_none_of_the_other_commands(start_worker: Callable[..., Celery], queue: Any) -> None:
    app = start_worker(queue.name, f"loads-{queue.name}", "--include tests.library.tasks.loaded")
    said = described(app, queue.name)
    assert COMMANDS.isdisjoint(said["modules"])
    # What was loaded is set aside, so that children go on to share it; what tasks leave behind is collected.
    assert said["set_aside"] > len(said["modules"])
    assert said["collects"]


def test_pool_without_children_collects_garbage(start_worker: Callable[..., Celery]) -> None:
    app = start_worker(QUEUE, "threads", "--include tests.library.tasks.loaded --pool threads")
    assert described(app, QUEUE)["collects"]


def test_worker_begins_anew_on_sighup(start_worker: Callable[..., Celery], broker: Processes) -> None:
    queue = QUEUE
    app = start_worker(queue, "again", "--include tests.library.tasks.loaded")
    broker.send_signal("again", signal.SIGHUP)
    while "Restarting celery worker" not in (log := broker.log("again").read_text()):
        broker.check()
    while log.count(" ready.") < 2:
        broker.check()
        log = broker.log("again").read_text()
    assert described(app, queue)["collects"]


@pytest.mark.parametrize("options", [["--pool", "gevent"], ["-Pgevent"], ["--pool=eventlet"], ["--detach"]])
def test_what_only_celery_can_do_is_left_to_it(monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    """Modules have to be patched before any other is imported."""

    def instead(arguments: list[str]) -> None:
        raise SystemExit(" ".join(arguments))

    monkeypatch.setattr(worker, "run_celery", instead)
    monkeypatch.setattr(worker, "find_spec", lambda _: True)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    # Of the pools that it finds there, Celery patches modules for the first.
    pool = next((name for name in ("gevent", "eventlet") if options[-1].endswith(name)), "prefork")
    with pytest.raises(
        SystemExit, match=f"^-A {PROJECT.queues[0].worker_app} worker .*? --pool {pool} .*{options[-1]}$"
    ):
        worker.worker.main([QUEUE, *options], standalone_mode=False)


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "")
    monkeypatch.setattr(worker, "run_worker", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["worker.py", QUEUE])
    worker.worker.main([QUEUE], standalone_mode=False)
    assert "CELERY_BROKER_URL" not in os.environ
    assert sys.argv == ["-m", "trinity_celery", "worker", QUEUE]
