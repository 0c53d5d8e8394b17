"""What a worker takes, and what others see of it: JSON that fits the contract, without its secrets."""

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.library.harness import QUEUE, SHOP, count_waiting, node_name, purge, sender_for
from tests.library.shop.celery_app import celery_app
from tests.library.shop.contracts import ORDER, PINGS
from tests.library.shop.queues import PROJECT
from tests.library.tasks.pressing import log_in
from tests.matrix import ROOT
from trinity_celery.config import CelerySettings, load, load_runtime, runtime_of
from trinity_celery.config.redaction import REDACTED
from trinity_celery.config.runtime import attach
from trinity_celery.errors import MessageTooLargeError, PayloadError
from trinity_celery.messages import payloads
from trinity_celery.messages.payloads import check_payload, shown_arguments
from trinity_celery.testing.processes import Processes
from trinity_celery.worker import BaseTask, ProjectApp
from trinity_celery.worker.request import RedactedRequest

PASSWORD = "correct-horse-battery"

celery_app.loader.import_default_modules()

StartWorker = Callable[..., Celery]


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._folder),)


def answers(app: Celery) -> bool:
    """Whether the queue's worker does its work."""
    return bool(app.send_task(PINGS[QUEUE].name, queue=QUEUE).get(timeout=60) == "pong")


def test_pickled_message_is_refused_and_none_of_its_code_runs(
    start_worker: StartWorker, broker: Processes, tmp_path: Path
) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "control")))
    assert (tmp_path / "control").exists(), "the bomb does not work, so this would show nothing"
    sender = sender_for(broker.environment)
    purge(sender)
    sender.send_task(PINGS[QUEUE].name, kwargs={"bomb": Bomb(tmp_path / "fired")}, queue=QUEUE, serializer="pickle")
    assert count_waiting(sender) == 1
    start_worker(QUEUE, "bombed")
    assert answers(sender)
    assert count_waiting(sender) == 0
    assert not (tmp_path / "fired").exists()
    assert "pickle" in broker.log("bombed").read_text()
    sender.close()


def test_worker_refuses_what_does_not_fit_the_contract(start_worker: StartWorker) -> None:
    app = start_worker(ORDER.queue, "strict")
    wrong: dict[str, Any] = {name: {"value": PASSWORD} for name in ORDER.payload.model_fields}
    for keywords in ({}, wrong, {**wrong, "unknown": 1}):
        result = app.send_task(ORDER.name, kwargs=keywords, queue=ORDER.queue)
        error = result.get(timeout=60, propagate=False)
        assert type(error).__name__ == "PayloadError", error
        assert str(error).startswith(f"{ORDER.name}: ")
        assert PASSWORD not in str(error)
        assert "\n" not in str(error)
        assert result.retries == 0


def test_arguments_fit_however_they_are_passed() -> None:
    task = celery_app.tasks[ORDER.name]
    wrong: list[Any] = [{} for _ in ORDER.payload.model_fields]
    for arguments in ([], wrong, [*wrong, 1]):
        with pytest.raises(PayloadError):
            check_payload(task, arguments, {})
    with pytest.raises(PayloadError):
        task.apply(args=tuple(wrong), throw=True)


def test_task_without_contract_takes_anything() -> None:
    check_payload(celery_app.tasks["celery.chain"], [1, 2, 3], {"anything": 4})


def test_message_that_is_too_large_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    task = celery_app.tasks[ORDER.name]
    small = runtime_of(task.app)
    small = replace(small, settings=small.settings.model_copy(update={"celery_message_size_limit": 100}))
    monkeypatch.setattr(payloads, "runtime_of", lambda app: small)
    arguments = ["x" * 100] * len(ORDER.payload.model_fields)
    with pytest.raises(MessageTooLargeError, match=r"at most 100 \(CELERY_MESSAGE_SIZE_LIMIT\)"):
        task.delay(*arguments)


def test_arguments_are_shown_without_what_is_secret() -> None:
    def log_in(name: str, password: str, *rest: str) -> None: ...

    task = Celery(set_as_current=False).task(log_in)
    shown = shown_arguments(("ada", PASSWORD, "more"), {"options": {"token": PASSWORD}}, task)
    assert shown["argsrepr"] == f"('ada', '{REDACTED}', 'more')"
    assert shown["kwargsrepr"] == str({"options": {"token": REDACTED}})
    assert PASSWORD in shown_arguments(("ada", PASSWORD), {}, None)["argsrepr"], "only a task knows the names"


def pay(card: str) -> None:
    """Take what only its sender knows to be secret."""


@pytest.mark.parametrize("by_name", [False, True], ids=["task", "name"])
def test_sender_may_choose_how_its_arguments_are_shown(by_name: bool) -> None:
    app = ProjectApp("tests", broker="memory://", set_as_current=False, task_cls=BaseTask)
    attach(app, load_runtime(PROJECT))
    task = app.task(name="tests.pay", shared=False)(pay)
    options: dict[str, Any] = {"queue": "shown", "args": (PASSWORD,), "argsrepr": "(<card>)"}
    with app.connection() as connection, closing(connection.SimpleQueue("shown")) as queue:
        if by_name:
            app.send_task(task.name, **options)
        else:
            task.apply_async(**options)
        first = RedactedRequest(queue.get(timeout=5), app=app, task=task)
        task.signature_from_request(first._context, queue="shown").apply_async()
        again = RedactedRequest(queue.get(timeout=5), app=app, task=task)
        Celery.send_task(app, task.name, **options)
        foreign = RedactedRequest(queue.get(timeout=5), app=app, task=task)
    assert first.argsrepr == again.argsrepr == again._context.argsrepr == "(<card>)"
    assert PASSWORD in foreign.argsrepr, "any message has such a text"


@pytest.mark.parametrize(
    "arguments",
    [{"kwargs": {"name": "ada", "password": PASSWORD}}, {"args": ["ada", PASSWORD]}],
    ids=["keywords", "positions"],
)
def test_nobody_sees_a_secret_argument(arguments: dict[str, Any], start_worker: StartWorker, broker: Processes) -> None:
    """Neither in the log, at any level, nor in what monitors are told: events, and answers to ``inspect``."""
    node = f"discreet-{'-'.join(arguments)}"
    app = start_worker(QUEUE, node, "--include tests.library.tasks.pressing --events", CELERY_WORKER_LOGLEVEL="debug")
    events: list[dict[str, Any]] = []
    done = threading.Event()

    def collect(event: dict[str, Any]) -> None:
        events.append(event)
        if event["type"] == "task-failed":
            done.set()

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": collect})
        consumer = receiver.itercapture(limit=None, timeout=60, wakeup=False)
        listening = threading.Thread(target=lambda: drain(consumer, done), daemon=True)
        listening.start()
        time.sleep(1)
        # As ``delay`` does; whoever sends by name alone cannot know what positional arguments are called.
        shown: dict[str, Any] = {**shown_arguments(arguments.get("args", ()), arguments.get("kwargs", {}), log_in)}
        # Not by the project's app, so that the worker has to find out by itself what is secret.
        result = Celery.send_task(app, "tests.library.tasks.pressing.log_in", queue=QUEUE, **arguments, **shown)
        inspect: Any = app.control.inspect([node_name(node)], timeout=10, limit=1)
        told: Any = None
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            told = inspect.active()[node_name(node)]
        error = result.get(timeout=60, propagate=False)
        assert done.wait(60)
        listening.join(60)
    assert str(error) == f"wrong password: {PASSWORD}", "the task itself got it"
    assert {event["type"] for event in events} >= {"task-received", "task-started", "task-failed"}
    assert "ada" in str(told) and "ada" in str(events)
    assert PASSWORD not in str(told)
    assert PASSWORD not in str(events)
    log = broker.log(node).read_text()
    assert "ada logs in with password=" in log
    assert PASSWORD not in log


def drain(consumer: Any, done: threading.Event) -> None:
    """Receive events until there was the one that was waited for."""
    for _ in consumer:
        if done.is_set():
            return


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"])
def test_server_without_password_is_refused_in_production(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:password@redis/0")
    monkeypatch.setenv(name, "redis://name@redis/0")
    assert load(CelerySettings)
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SystemExit) as stopped:
        load(CelerySettings)
    assert str(stopped.value) == (
        f"{name}: holds no password, which is required outside development: write redis://NAME:PASSWORD@redis"
    )
    monkeypatch.setenv(name, "redis://:password@redis/0")
    assert load(CelerySettings)


@pytest.mark.parametrize("command", ["check --settings", f"worker {QUEUE}"])
def test_no_process_starts_without_a_password_in_production(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trinity_celery", *command.split()],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENVIRONMENT": "production", "REDIS_URL": "redis://redis:6379/0", **SHOP},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("REDIS_URL: holds no password, which is required outside development: ")
    assert done.stderr.count("\n") == 1
