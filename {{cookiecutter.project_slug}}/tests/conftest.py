"""Fixtures: a clean environment, tasks that run at once in this process, and everything running for real.

``stack`` runs the whole Procfile; ``broker`` runs only a broker, for tests that start processes of their own.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import pytest
from celery import Celery, current_app
from hypothesis import settings
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.config.runtime import attach, known_variables
from trinity_celery.contracts import Contract, InMemoryPublisher, publishing_through, sending
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.messages import Message
from trinity_celery.worker import ProjectApp, celery_configuration

from devtools.stack import Stack, running_stack
from shared import contracts
from shared.queues import PROJECT

# A test must not depend on what somebody has exported, least of all on their broker.
for variable in [*os.environ]:
    if variable.startswith("CELERY_") or variable in known_variables(PROJECT):
        del os.environ[variable]

# Nor on how busy this machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Nor on the proxy between this machine and the rest of the world.
os.environ["NO_PROXY"] = "127.0.0.1"

STACK_ENVIRONMENT = {
    "CELERY_WORKER_CONCURRENCY": "1",
    "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "1",
    # jinja: if cookiecutter.use_flower
    "FLOWER_BASIC_AUTH": "admin:for-tests-only",
    # jinja: endif
    # jinja: if cookiecutter.beat_scheduler != "none"
    "SCHEDULE_TICK_SECONDS": "1",
    # jinja: endif
}


def service_apps() -> list[Celery]:
    """Return the Celery app of each service."""
    return [import_module(service.celery_app).celery_app for service in PROJECT.services]


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


def project_contracts() -> list[Contract[Any]]:
    """Return the contracts of ``shared/contracts.py``."""
    return [*contracts.PINGS.values(), *(each for each in vars(contracts).values() if isinstance(each, Contract))]


def node_name(name: str) -> str:
    """Return how Celery addresses the worker on this machine that was started as ``name``."""
    return f"{name}@{socket.gethostname()}"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run every task at once in this process, sent by ``.delay()`` or through a contract, and let its errors out.

    The configuration belongs to the Celery apps, so overriding the settings of a web framework changes nothing.
    """
    apps = service_apps()
    for app in apps:
        app.loader.import_default_modules()
        monkeypatch.setitem(app.conf, "task_always_eager", True)
        monkeypatch.setitem(app.conf, "task_eager_propagates", True)

    def run(message: Message) -> None:
        task = next(app.tasks[message.name] for app in apps if message.name in app.tasks)
        task.apply(kwargs=message.kwargs, task_id=message.task_id, headers=message.headers, throw=True)

    with ExitStack() as chosen:
        for app in apps:
            chosen.enter_context(publishing_through(app, InMemoryPublisher(run)))
        yield


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Everything: broker, web services, a worker for each queue, and what else the Procfile names."""
    with running_stack(extra=STACK_ENVIRONMENT) as running:
        # jinja: if cookiecutter.beat_scheduler != "none"
        # Beat lives shortly before three o'clock tomorrow, when the schedule's crontab entries are due.
        running.stop("celery-beat")
        running.start("celery-beat", "python -m tests.beat_before_three")
        # jinja: endif
        yield running


@pytest.fixture(scope="session")
def broker() -> Iterator[Stack]:
    """A broker alone, and the environment in which to start processes."""
    with running_stack(extra=STACK_ENVIRONMENT, only=set()) as running:
        yield running


@contextmanager
def sending_to(stack: Stack) -> Iterator[Celery]:
    """Let the contracts of this process send to the broker of ``stack`` while the context is open."""
    before = current_app._get_current_object()  # type: ignore[attr-defined]
    app = sender_for(stack.environment)
    app.set_current()
    yield app
    before.set_current()
    app.close()


@pytest.fixture
def sender(broker: Stack) -> Iterator[Celery]:
    """The app of this process's contracts, which now send to ``broker``."""
    with sending_to(broker) as app:
        yield app


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every message of this process's contracts meet what it meets without a broker."""

    def fail(*_: object) -> None:
        raise BrokerUnavailableError("Connection refused")

    with monkeypatch.context() as context:
        context.setattr(sending, "publish", fail)
        yield


@pytest.fixture
def start_worker(broker: Stack) -> Iterator[Callable[..., Celery]]:
    """Return a function that starts a worker and returns an app with which to ask it.

    Its arguments: the queue, the node's name, options of Celery, and variables for this worker alone.
    """
    names = []
    # A worker may have another broker than all the others; whatever lies between it and a broker is its own affair.
    on_redis = {"CELERY_BROKER_URL": broker.environment["REDIS_URL"]}
    senders = [sender_for(broker.environment), sender_for(broker.environment | on_redis)]

    def start(queue: str, name: str, options: str = "", **environment: str) -> Celery:
        names.append(name)
        sender = senders[environment.items() >= on_redis.items()]
        broker.start(name, f"trinity worker {queue} --hostname {name}@%h {options}", environment)
        for _ in range(60):
            broker.check()
            if sender.control.ping([node_name(name)], timeout=0.5, limit=1):
                return sender
        raise AssertionError(broker.log(name).read_text())

    yield start
    broker.stop(*names)
    for sender in senders:
        sender.close()
