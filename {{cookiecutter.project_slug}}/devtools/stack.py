"""All processes of a Procfile together, for the demo and the tests."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from honcho.environ import parse, parse_procfile
from trinity_celery.testing.ports import settle_ports
from trinity_celery.testing.processes import Processes, with_own_python
from trinity_celery.testing.scratch import scratch_parent
from trinity_celery.testing.servers import StoppedError

from devtools.broker import private_broker
from devtools.web_services import WEB_SERVICES, WebService

ROOT = Path(__file__).resolve().parent.parent
RELEASE = "release"  # the process that runs to its end before the others start


def procfile() -> dict[str, str]:
    """Return the commands of the Procfile by process name."""
    return dict(parse_procfile((ROOT / "Procfile").read_text()).processes)


def run_release(commands: dict[str, str], environment: dict[str, str]) -> None:
    """Take the ``release`` command out of ``commands`` and run it.

    Raises:
        StoppedError: it failed; the message holds what it said.
    """
    if command := commands.pop(RELEASE, None):
        done = subprocess.run(
            command, shell=True, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            raise StoppedError(f"error: {command!r} failed:\n{done.stdout}")


class Stack(Processes):
    """Running processes; use it through ``running_stack``."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        super().__init__(environment, directory, ROOT)
        # Whatever proxy this machine uses, it has no business between its own processes. A connection that is kept
        # would hold up a server that stops.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=10, trust_env=False, limits=limits)

    def wait_for(
        self, url: str, until: Callable[[dict[str, Any]], bool] = bool, patience: float = 60
    ) -> dict[str, Any]:
        """Ask ``url`` until it answers 200 with JSON of which ``until`` is true, and return that.

        Raises:
            StoppedError: a process ended meanwhile, or there was no such answer.
        """
        deadline = time.monotonic() + patience
        answer = "nothing"
        while time.monotonic() < deadline:
            self.check()
            try:
                response = self._http.get(url)
                if response.status_code == httpx.codes.OK and until(response.json()):
                    return dict(response.json())
                answer = response.text[:300]
            except httpx.TransportError as error:
                answer = str(error)
            time.sleep(0.05)
        raise StoppedError(f"error: {url} did not answer within {patience:.0f} s: {answer}")

    def post(self, service: WebService, path: str, body: dict[str, Any] | None = None) -> str:
        """Send a task through a service and return the URL of its status.

        On a busy machine a first connection may take longer than a service waits; like any client, this one comes back.

        Raises:
            StoppedError: the service did not accept the task.
        """
        address = service.address(self.environment)
        deadline = time.monotonic() + 30
        response = self._http.post(f"{address}{path}", json=body)
        while response.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
            time.sleep(1)
            response = self._http.post(f"{address}{path}", json=body)
        if response.status_code != httpx.codes.ACCEPTED:
            raise StoppedError(
                f"error: {service.title} answered {response.status_code} to {path}: {response.text[:300]}"
            )
        return f"{address}{response.json()['status_url']}"

    def finished(self, status_url: str, patience: float = 60) -> dict[str, Any]:
        """Ask for a task's status until it has succeeded or failed, and return the status.

        Raises:
            StoppedError: it did neither in time.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self.check()
            status = self._http.get(status_url).json()
            if status.get("state") in ("succeeded", "failed"):
                return dict(status)
            time.sleep(0.02)
        raise StoppedError(f"error: {status_url} is {status.get('state', status)} after {patience:.0f} s")


@contextmanager
def running_stack(*, extra: dict[str, str] | None = None, only: set[str] | None = None) -> Iterator[Stack]:
    """Run the processes of the Procfile with a private broker, free ports and a database of their own.

    Args:
        extra: variables that win over those of this process.
        only: names of the processes to run; all by default.
    """
    with tempfile.TemporaryDirectory(prefix="stack-", dir=scratch_parent()) as folder:
        directory = Path(folder)
        defaults = parse((ROOT / "envs/dev.env").read_text())
        environment = with_own_python({**defaults, **os.environ, **(extra or {})})
        environment |= settle_ports(environment, keep_usual=False)
        if environment.get("DATABASE_URL", "").startswith("sqlite"):
            environment["DATABASE_URL"] = f"sqlite:///{directory}/db.sqlite3"
        # jinja: if cookiecutter.beat_scheduler == "file"
        environment["BEAT_SCHEDULE_FILENAME"] = f"{directory}/schedule"
        # jinja: endif
        with private_broker(environment, directory) as found:
            stack = Stack(environment | found, directory)
            commands = procfile()
            run_release(commands, stack.environment)
            try:
                for name, command in commands.items():
                    if only is None or name in only:
                        stack.start(name, command)
                for service in WEB_SERVICES:
                    if only is None or service.process in only:
                        stack.wait_for(f"{service.address(stack.environment)}/health/ready")
                yield stack
            finally:
                stack.stop()
