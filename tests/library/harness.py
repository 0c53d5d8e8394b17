"""What tests of the library need: an app that sends to a broker, and workers that take from it."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from celery import Celery, current_app
from redis import Redis

from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.brokers import find_broker
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.config.runtime import attach
from trinity_celery.dead_letters import DeadLetter, DeadLetters, LetterFilter, Replay
from trinity_celery.testing.processes import Processes, with_own_python
from trinity_celery.testing.rabbitmq import private_rabbitmq, server_binary
from trinity_celery.testing.redis import private_redis
from trinity_celery.testing.scratch import scratch_parent
from trinity_celery.worker import ProjectApp, celery_configuration

QUEUE = PROJECT.queue_names()[0]
# Starts the worker of the first queue; options of Celery may follow.
WORKER = f"python -m trinity_celery worker {QUEUE}"

# How the command ``trinity`` finds the project.
SHOP = {"TRINITY_PROJECT": "tests.library.shop.queues:PROJECT"}
SETTINGS = {
    **SHOP,
    "CELERY_WORKER_CONCURRENCY": "1",
    "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "1",
    "NO_PROXY": "127.0.0.1",
}


@contextmanager
def running_broker(kind: str) -> Iterator[Processes]:
    """Run a private broker of a kind, ``redis`` or ``rabbitmq``, and Redis for the results.

    Yields:
        its environment, in which to start processes.
    """
    with TemporaryDirectory(prefix="library-", dir=scratch_parent()) as folder:
        directory = Path(folder)
        with private_redis(directory / "redis") as url:
            environment = with_own_python({**os.environ, **SETTINGS, "REDIS_URL": url})
            if kind == "redis":
                yield from _processes(environment, directory)
                return
            binary = server_binary()
            assert binary, "needs rabbitmq-server (Debian: apt-get install rabbitmq-server)"
            with private_rabbitmq(directory / "rabbitmq", binary) as broker_url:
                yield from _processes({**environment, "CELERY_BROKER_URL": broker_url}, directory)


def _processes(environment: dict[str, str], directory: Path) -> Iterator[Processes]:
    processes = Processes(environment, directory, ROOT)
    try:
        yield processes
    finally:
        processes.stop()


def sender_for(environment: dict[str, str]) -> Celery:
    """Return a Celery app of the tests' own that sends to the broker of ``environment``."""
    app = ProjectApp("tests", set_as_current=False)
    names = {
        name: environment[name.upper()] for name in ("redis_url", "celery_broker_url") if environment.get(name.upper())
    }
    runtime = load_runtime(PROJECT, CelerySettings(**names))  # type: ignore[arg-type]
    attach(app, runtime)
    app.conf.update(celery_configuration(runtime, PROJECT.services[0]))
    return app


@contextmanager
def sending_through(app: Celery) -> Iterator[Celery]:
    """Let the contracts of this process send through ``app`` while the context is open, and close it then."""
    before: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    app.set_default()
    yield app
    before.set_default()
    app.close()


def node_name(name: str) -> str:
    """Return how Celery addresses the worker on this machine that was started as ``name``."""
    return f"{name}@{socket.gethostname()}"


def end_task(app: Celery, task_id: str) -> None:
    """Kill a task that runs, so that no worker of a later test gets it again."""
    app.control.revoke(task_id, terminate=True, signal="SIGKILL")
    deadline = time.monotonic() + 30
    while (state := str(app.AsyncResult(task_id).state)) != "REVOKED":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def count_waiting(app: Celery, queue: str = QUEUE) -> int:
    """Return how many messages wait in ``queue``."""
    with app.connection_for_write() as connection:
        return find_broker(app.conf.broker_url).count_waiting(connection, queue)


def purge(app: Celery, queue: str = QUEUE) -> None:
    """Empty ``queue``."""
    with app.connection_for_write() as connection:
        bound = next(each for each in app.conf.task_queues if each.name == queue).bind(connection.default_channel)
        bound.declare()
        bound.purge()


def letters_of(broker: Processes, limit: int = 10_000) -> DeadLetters:
    """Return the dead letters that are kept in the Redis of ``broker``."""
    return DeadLetters(Redis.from_url(broker.environment["REDIS_URL"], decode_responses=True), PROJECT.name, limit)


def wait_for_letter(office: Replay, log: Path, **wanted: str) -> DeadLetter:
    """Return the only letter that is wanted, as soon as it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        office.collect()
        if found := list(office.find(LetterFilter(**wanted))):
            assert len(found) == 1, found
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def wait_for_success(result: Any, log: Path) -> Any:
    """Return what a task returned that had failed before."""
    deadline = time.monotonic() + 60
    # A result that was ready once never looks again.
    while not (fresh := result.app.AsyncResult(result.id)).successful():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return fresh.result
