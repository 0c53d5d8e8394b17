"""What the health checks of containers say of a process that a test has started."""

import os
import subprocess
import sys
import time
from pathlib import Path

from trinity_celery.testing.ports import free_port
from trinity_celery.testing.processes import Processes


def healthcheck(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return exit status and output of the command that containers run.

    Args:
        arguments: of the command.
        environment: variables for it.
    """
    # No proxy may come between a container and itself.
    environment = {**os.environ, "http_proxy": f"http://127.0.0.1:{free_port()}", "NO_PROXY": "", **environment}
    command = [sys.executable, "-m", "trinity_celery.health.probe", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1, done
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def file_of(processes: Processes, name: str) -> Path:
    """Return the file in which the process called ``name`` writes its heartbeat."""
    return processes.directory / f"{name}.heartbeat"


def health(processes: Processes, name: str) -> tuple[int, str]:
    """Return what the health check says of the process called ``name``."""
    return healthcheck("heartbeat", HEARTBEAT_FILE=str(file_of(processes, name)))


def wait_for_health(processes: Processes, name: str, doing: str, patience: float = 30) -> None:
    """Wait until a process says that it is ``doing`` something, and is well."""
    deadline = time.monotonic() + patience
    while health(processes, name) != (0, doing):
        assert time.monotonic() < deadline, f"{health(processes, name)}\n{processes.log(name).read_text()}"
        time.sleep(0.2)
