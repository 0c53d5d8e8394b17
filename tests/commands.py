"""Running things as somebody would who has just cloned the template: nothing of the tests' own environment shows."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from tests.matrix import ROOT, Answers

# What the template's tests run on, and the other Python that a rendered project promises to work on.
PYTHON = str(Path(sys.base_prefix, "bin", "python3"))
OTHER_PYTHON = os.environ.get("TRINITY_PYTHON_313", PYTHON)

# Settings of a rendered project, and what make, uv and pytest tell the processes that they start.
PRIVATE_PREFIXES = (
    *("CELERY_", "REDIS_", "DJANGO_", "FASTAPI_", "FLOWER_", "POSTGRES_", "RABBITMQ_"),
    *("COMPOSE_", "IMAGE", "PYTHON", "PYTEST_", "MAKE", "MFLAGS"),
)
PRIVATE_NAMES = {"DATABASE_URL", "ENVIRONMENT", "KEEP", "NO_MKDOCS_2_WARNING", "TRINITY_PROJECT", "UV", "VIRTUAL_ENV"}
CACHE_NAMES = {"RUFF_CACHE_DIR", "MYPY_CACHE_DIR"}

NO_NETWORK = """\
import socket

def refuse(*arguments, **options):
    raise OSError("this test has no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def clean_environment(**changes: str) -> dict[str, str]:
    """Return the environment of a fresh shell, with uv on PATH."""
    hidden = PRIVATE_NAMES | CACHE_NAMES
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in hidden and not name.startswith(PRIVATE_PREFIXES)
    }
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != str(Path(sys.prefix, "bin"))]
    if "UV" in os.environ:
        folders.append(str(Path(os.environ["UV"]).parent))
    return {**kept, "PATH": os.pathsep.join(folders), **changes}


def run(command: Sequence[str | Path], folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``folder`` and return what it printed (stderr among stdout) and its exit status."""
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run_and_leave_nothing(command: Sequence[str | Path], folder: Path, **changes: str) -> str:
    """Run ``command``, which must succeed and leave no process behind, and return what it printed."""
    marker = f"TRINITY_TEST_RUN={uuid4()}"
    name, _, value = marker.partition("=")
    ended = run(command, folder, **changes, **{name: value})
    tail = "\n".join(ended.stdout.splitlines()[-150:])
    assert ended.returncode == 0, f"{' '.join(map(str, command))} ended with {ended.returncode}:\n{tail}"
    processes = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    left = [line.split(marker)[0][:200] for line in processes.stdout.splitlines() if marker in line]
    assert not left, f"{' '.join(map(str, command))} left processes:\n" + "\n".join(left)
    return ended.stdout


def tool(name: str) -> str:
    """Return the path of a tool that stands beside the Python that runs the tests."""
    return str(Path(sys.executable).parent / name)


def cookiecutter(*arguments: str | Path) -> list[str | Path]:
    """Return the command that renders this template, whatever the user's own configuration says."""
    return [sys.executable, "-m", "cookiecutter", "--default-config", *arguments, ROOT]


def as_arguments(answers: Answers) -> list[str]:
    """Return ``answers`` as arguments of cookiecutter's command line."""
    return [f"{key}={value}" for key, value in answers.items()]


def without_network(command: Sequence[str | Path], folder: Path) -> tuple[list[str | Path], dict[str, str]]:
    """Return ``command`` and changes to the environment with which it finds no network."""
    for unshare in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
                return [*unshare, *command], {}
        except FileNotFoundError:
            break
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    return list(command), {"PYTHONPATH": str(folder)}
