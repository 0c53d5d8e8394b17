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
from shared.queues import PROJECT

from trinity_celery.config import Runtime, load_runtime
from trinity_celery.config.runtime import attach
from trinity_celery.worker import ProjectApp, celery_configuration
from trinity_celery.worker.consumer import prepare_worker
from trinity_celery.worker.stop import StopStep

QUEUE = "celery"
# Modules with apps that name another broker; Celery prefers the environment's.
HAVE_THEIR_OWN = {"test_backend_leak_in_fixture_teardown", "test_events_state_memory_leak", "test_worker"}

os.environ["CELERY_BROKER_URL"] = os.environ.get("TEST_BROKER", "")  # xdist reads this, too, without servers


class OneQueue(Runtime):
    """A project whose workers listen to one queue."""

    def all_queues(self) -> list[str]:
        """Return its name."""
        return [QUEUE]


RUNTIME = OneQueue(**vars(load_runtime(PROJECT)))


class App(ProjectApp):
    """An app of the project, whichever test makes it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        attach(self, RUNTIME)


testing_app.Celery = App


class Loader(AppLoader):
    """What ``configure`` makes of an app's loader."""

    override_backends = dict.fromkeys(("redis", "rediss"), "trinity_celery.messages.result_backend:Backend")


@pytest.fixture(autouse=True)
def broker_of_the_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide it from some tests."""
    if request.path.stem in HAVE_THEIR_OWN:
        monkeypatch.delenv("CELERY_BROKER_URL")


@pytest.fixture(scope="session")
def celery_config() -> dict[str, Any]:
    """The configuration of a project's worker."""
    configuration = celery_configuration(RUNTIME, PROJECT.services[0], role="worker")
    return configuration | {"task_default_queue": QUEUE, "task_ignore_result": False, "worker_concurrency": 1}


@pytest.fixture(scope="session")
def celery_parameters() -> dict[str, Any]:
    """What a project's apps are made with."""
    return {"task_cls": "trinity_celery.worker.task:BaseTask", "loader": Loader}


@test_worker_starting.connect
def prepare(sender: Any, **_: Any) -> None:
    """Prepare the worker as the project does, but for signals: here it runs in a thread, which gets none."""
    if sender.loader_cls is Loader:  # some tests make apps of their own
        prepare_worker(sender, RUNTIME.settings)
        sender.steps["worker"].discard(StopStep)
