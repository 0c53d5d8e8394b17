"""``make dev``: everything comes up, code is reloaded, Ctrl-C stops it and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from trinity_celery.testing.ports import free_port

from devtools.stack import ROOT
from devtools.web_services import WEB_SERVICES
from shared.queues import PROJECT
from tests.conftest import STACK_ENVIRONMENT

DEV_ENV = (ROOT / "envs/dev.env").read_text()


class Dev:
    """A running ``make dev`` in a folder of its own, so that one that somebody works with is left alone."""

    def __init__(self, directory: Path) -> None:
        self.run_file = directory / ".run/env"
        self.output = directory / "output"
        ports = {name: str(free_port()) for name in re.findall(r"^\w+_PORT", DEV_ENV, re.MULTILINE)}
        self.environment = {**os.environ, **STACK_ENVIRONMENT, **ports, "PYTHONPATH": str(ROOT)}
        if "DATABASE_URL" in DEV_ENV:
            self.environment["DATABASE_URL"] = f"sqlite:///{directory}/db.sqlite3"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "devtools.dev"],
                cwd=directory,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def said(self, text: str, times: int = 1, patience: float = 90) -> None:
        """Wait until ``text`` was printed so many times."""
        deadline = time.monotonic() + patience
        while self.output.read_text().count(text) < times:
            assert self.process.poll() is None and time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    running = Dev(tmp_path_factory.mktemp("dev"))
    yield running
    running.process.kill()


def wait_until_ready(address: str) -> None:
    """Wait until a service that answers can also use its servers."""
    deadline = time.monotonic() + 30
    while (answer := httpx.get(f"{address}/health/ready", timeout=10).json()) != {"status": "ready"}:
        assert time.monotonic() < deadline, answer
        time.sleep(0.5)


def test_everything_comes_up_and_is_announced(dev: Dev) -> None:
    dev.said("Ready:")
    for service in WEB_SERVICES:
        address = service.address(dev.environment)
        assert f"{address}{service.page}" in dev.output.read_text()
        wait_until_ready(address)
    assert "REDIS_URL=redis://127.0.0.1:" in dev.run_file.read_text()


def test_second_one_is_refused(dev: Dev) -> None:
    command = [sys.executable, "-m", "devtools.dev"]
    done = subprocess.run(
        command, cwd=dev.run_file.parent.parent, env=dev.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: .run/env is there: `make dev` or `make broker` runs already")


def test_workers_are_reloaded_when_code_changes(dev: Dev) -> None:
    queue = PROJECT.queue_names()[0]
    ready = f"{queue}@"
    dev.said(" ready.", len(PROJECT.queue_names()))
    before = dev.output.read_text().count(" ready.")
    (ROOT / "shared/contracts.py").touch()
    dev.said(" ready.", before + 1)
    assert ready in dev.output.read_text()


def test_ctrl_c_stops_all_and_leaves_nothing(dev: Dev) -> None:
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(30) == 0
    assert not dev.run_file.exists()
    left = subprocess.run(
        ["pgrep", "-f", dev.environment[WEB_SERVICES[0].port_variable]], capture_output=True, check=False
    )
    assert left.stdout == b""
    for service in WEB_SERVICES:
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{service.address(dev.environment)}/health/live")
