"""A rendered project's Compose stack in use, through its make targets and over HTTP, as its people use it."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from tests.commands import PYTHON, run

T = TypeVar("T")

HELPER_IMAGE = "python:3.13-slim"


@cache
def engine_answers() -> bool:
    """Whether Docker can be used here."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], T | None], patience: float, what: str) -> T:
    """Return what ``condition`` gives as soon as that is true; fail after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(0.5)
    return found


class ComposeStack:
    """The containers of one rendered project, under a name and on ports of their own."""

    PORTS = (
        "DJANGO_PORT",
        "FASTAPI_PORT",
        "FLOWER_PORT",
        "REDIS_PORT",
        "POSTGRES_PORT",
        "RABBITMQ_PORT",
        "RABBITMQ_MANAGEMENT_PORT",
    )

    def __init__(self, project: Path, kind: str = "dev", **environment: str) -> None:
        self.project = project
        self.kind = kind
        self.environment = {
            "COMPOSE_PROJECT_NAME": f"test-{uuid4().hex[:8]}",
            **{name: str(free_port()) for name in self.PORTS},
            **environment,
        }

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a make target."""
        stack = [f"STACK={self.kind}"] if self.kind != "dev" else []
        return run(["make", f"PYTHON={PYTHON}", *arguments, *stack], self.project, **self.environment)

    def compose(self, *arguments: str) -> str:
        """Run ``docker compose``, which must succeed, and return what it printed."""
        ended = self.try_compose(*arguments)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def try_compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``docker compose``."""
        file = ["--file", "compose.prod.yaml", "--env-file", ".env.prod"] if self.kind == "prod" else []
        return run(["docker", "compose", *file, *arguments], self.project, **self.environment)

    def up(self) -> str:
        """Start everything as people do; all of it must become healthy."""
        ended = self.make("up")
        assert ended.returncode == 0, f"{ended.stdout}\n{self.try_compose('logs', '--tail', '30').stdout}"
        return ended.stdout

    def remove(self) -> None:
        """Remove containers and data."""
        self.try_compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """Return what Docker knows about the containers, stopped ones too."""
        label = f"label=com.docker.compose.project={self.environment['COMPOSE_PROJECT_NAME']}"
        only = ["--filter", f"label=com.docker.compose.service={service}"] if service else []
        listed = subprocess.run(
            ["docker", "ps", "--all", "--quiet", "--filter", label, *only], capture_output=True, text=True, check=True
        )
        names = listed.stdout.split()
        if not names:
            return []
        output = subprocess.run(["docker", "inspect", *names], capture_output=True, text=True, check=True).stdout
        return list(json.loads(output))

    def container(self, service: str) -> dict[str, Any]:
        """Return what Docker knows about the one container of a service."""
        (found,) = self.containers(service)
        return found

    def state(self, service: str) -> str:
        """Return a container's health, or its status where it has no health check."""
        state = self.container(service)["State"]
        return str(state["Health"]["Status"] if "Health" in state and state["Running"] else state["Status"])

    def wait_for_state(self, service: str, state: str, patience: float = 90) -> None:
        """Wait until a container is healthy, unhealthy, exited ..."""
        wait_until(lambda: self.state(service) == state, patience, f"{service} is {state}")

    def processes(self, service: str) -> list[str]:
        """Return the ids that a container's processes have on its host."""
        identifier = self.container(service)["Id"]
        return run(["docker", "top", identifier, "-eo", "pid"], self.project).stdout.split()[1:]

    def signal(self, service: str, name: str, *, children: bool = False) -> None:
        """Send a signal to a container's main process, or to all, from outside; Docker itself plays no part in it."""
        container = self.container(service)
        pids = [str(container["State"]["Pid"])]
        if children:
            pids = self.processes(service)
        # A health check that was just running may be gone meanwhile.
        script = f"for pid in {' '.join(pids)}; do ! kill -0 $pid || kill -{name} $pid; done"
        command = ["docker", "run", "--rm", "--privileged", "--pid", "host", HELPER_IMAGE, "sh", "-c", script]
        subprocess.run(command, check=True, capture_output=True)

    def http(
        self, port_variable: str, path: str, body: Any = None, login: str = "", method: str = "", **headers: str
    ) -> tuple[int, str]:
        """Ask a web service; return status and body."""
        url = f"http://127.0.0.1:{self.environment[port_variable]}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, method=method or ("POST" if data is not None else "GET"))
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        if login:
            request.add_header("Authorization", "Basic " + b64encode(login.encode()).decode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def send(self, port_variable: str, path: str, body: Any = None, **headers: str) -> str:
        """Send a task through a web service; return the path of its status."""
        status, text = self.http(port_variable, path, {} if body is None else body, **headers)
        assert status == 202, (path, status, text)
        return str(json.loads(text)["status_url"])

    def finished(self, port_variable: str, status_path: str, patience: float = 60, **headers: str) -> dict[str, Any]:
        """Return a task's status when it has ended."""

        def ended() -> dict[str, Any] | None:
            status = json.loads(self.http(port_variable, status_path, **headers)[1])
            return status if status.get("state") in ("succeeded", "failed") else None

        return wait_until(ended, patience, f"{status_path} ends")

    def env_prod(self, **values: str) -> None:
        """Set values in ``.env.prod``."""
        path = self.project / ".env.prod"
        text = path.read_text()
        for name, value in values.items():
            text, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
            assert count == 1, name
        path.write_text(text)
