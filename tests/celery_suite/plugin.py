"""A plugin of pytest for Celery's own integration tests: several of their workers at a time, and nothing that hangs.

Each of xdist's processes gets servers of its own, as the tests purge the queue that they share.
"""

import json
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from celery.contrib.testing.manager import ManagerMixin

PATIENCE = 300  # seconds for each part of a test, as Celery's own runs have it; the slowest takes 150

SERVERS: list[dict[str, str]] = json.loads(os.environ["SUITE_SERVERS"])
OUTCOMES: dict[str, str] = {}

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Before the tests' conftest.py is read, which looks for the servers in the environment.
    os.environ.update(SERVERS[int(worker.removeprefix("gw"))])


def wait_until_idle(manager: Any) -> None:
    """Do what the method of this name does, which waits a second for further workers after each test."""
    control = manager.app.control
    with manager.app.connection() as connection:
        while control.purge(connection=connection):
            pass
    while any((control.inspect(limit=1).active() or {}).values()):
        pass


ManagerMixin.wait_until_idle = wait_until_idle


def give_up(*_: Any) -> None:
    """End a part of a test. What pytest raises is no ``Exception``, which some of the tests would catch."""
    pytest.fail(f"still waiting after {PATIENCE} s")


def in_time() -> Generator[None, Any, Any]:
    """Let a part of a test wait for so long, and no longer."""
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 1)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """Bound it; the first starts a worker."""
    return (yield from in_time())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Bound it."""
    return (yield from in_time())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, Any, Any]:
    """Bound it; it waits for the worker."""
    return (yield from in_time())


@pytest.fixture(autouse=True)
def worker(request: pytest.FixtureRequest) -> None:
    """Start the worker that all tests share, even if it is only there because of the tests before.

    A test that starts one by itself comes first, as stopping that one stops both.
    """
    if not hasattr(request.module, "start_worker"):
        request.getfixturevalue("celery_session_worker")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of a test; the worst of its parts counts."""
    if report.failed:
        OUTCOMES[report.nodeid] = "failed"
    elif report.when == "call" or report.skipped:
        OUTCOMES.setdefault(report.nodeid, report.outcome)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the outcomes down."""
    if not hasattr(session.config, "workerinput"):
        Path(os.environ["SUITE_OUTCOMES"]).write_text(json.dumps(OUTCOMES))
