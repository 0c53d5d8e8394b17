"""Lets Celery's own integration tests run on an app that is configured as a project's are.

It runs in a rendered project, as the end of the tests' own ``conftest.py``. Only what the tests presuppose differs: one
queue, called ``celery``, and results that are kept.
"""

import os
from typing import Any

import pytest
from celery.contrib.testing import app as testing_app
from celery.contrib.testing.worker import test_worker_starting
from celery.loaders.app import AppLoader
from shared import brokers, redis_broker
from shared.celery_settings import celery_configuration
from shared.environment import load
from shared.layout import SERVICES
from shared.project_app import ProjectApp
from shared.settings import CelerySettings
from shared.worker_consumer import prepare_worker
from shared.worker_stop import StopStep

QUEUE = "celery"
# Modules with apps that name another broker; Celery prefers the environment's.
HAVE_THEIR_OWN = {"test_backend_leak_in_fixture_teardown", "test_events_state_memory_leak", "test_worker"}

os.environ["CELERY_BROKER_URL"] = os.environ.get("TEST_BROKER", "")  # xdist reads this, too, without servers

for module in (redis_broker, brokers):
    module.all_queues = lambda: [QUEUE]


testing_app.Celery = ProjectApp


class Loader(AppLoader):
    """What ``configure_celery_app`` makes of an app's loader."""

    override_backends = dict.fromkeys(("redis", "rediss"), "shared.result_backend:Backend")


@pytest.fixture(autouse=True)
def broker_of_the_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide it from some tests."""
    if request.path.stem in HAVE_THEIR_OWN:
        monkeypatch.delenv("CELERY_BROKER_URL")


@pytest.fixture(scope="session")
def celery_config() -> dict[str, Any]:
    """The configuration of a project's worker."""
    configuration = celery_configuration(load(CelerySettings), SERVICES[0], role="worker")
    return configuration | {"task_default_queue": QUEUE, "task_ignore_result": False, "worker_concurrency": 1}


@pytest.fixture(scope="session")
def celery_parameters() -> dict[str, Any]:
    """What a project's apps are made with."""
    return {"task_cls": "shared.tasks:BaseTask", "loader": Loader}


@test_worker_starting.connect
def prepare(sender: Any, **_: Any) -> None:
    """Prepare the worker as the project does, but for signals: here it runs in a thread, which gets none."""
    if sender.loader_cls is Loader:  # some tests make apps of their own
        prepare_worker(sender, load(CelerySettings))
        sender.steps["worker"].discard(StopStep)
