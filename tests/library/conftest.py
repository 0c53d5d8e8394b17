"""Fixtures: a clean environment, a private broker of each kind, and workers of the project ``shop``."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from celery import Celery
from hypothesis import settings

from tests.library.harness import SHOP, node_name, running_broker, sender_for, sending_through
from tests.library.shop.queues import PROJECT
from trinity_celery.config.runtime import known_variables
from trinity_celery.testing.processes import Processes

# A test must not depend on what somebody has exported, least of all on their broker.
for variable in [*os.environ]:
    if variable.startswith("CELERY_") or variable in known_variables(PROJECT):
        del os.environ[variable]

os.environ.update(SHOP)

# Nor on how busy this machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

BROKERS = ("redis", "rabbitmq")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with each broker, unless its module or the test itself is marked as being about one."""
    if "broker" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("only")
        kinds = marker.args if marker else BROKERS
        metafunc.parametrize("broker", kinds, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs RabbitMQ where there is none, but in CI, where it then fails."""
    if shutil.which("rabbitmq-server") or os.environ.get("CI"):
        return
    wanted = [item for item in items if "rabbitmq" in item.name.partition("[")[2].replace("]", "-").split("-")]
    items[:] = [item for item in items if item not in wanted]
    config.hook.pytest_deselected(items=wanted)


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Processes]:
    """A private broker, and the environment in which to start processes."""
    with running_broker(request.param) as running:
        yield running


@pytest.fixture
def sender(broker: Processes) -> Iterator[Celery]:
    """The app of this process's contracts, which now send to ``broker``."""
    with sending_through(sender_for(broker.environment)) as app:
        yield app


@pytest.fixture
def start_worker(broker: Processes) -> Iterator[Callable[..., Celery]]:
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
        broker.start(name, f"python -m trinity_celery worker {queue} --hostname {name}@%h {options}", environment)
        for _ in range(60):
            broker.check()
            if sender.control.ping([node_name(name)], timeout=0.5, limit=1):
                return sender
        raise AssertionError(broker.log(name).read_text())

    yield start
    broker.stop(*names)
    for sender in senders:
        sender.close()
