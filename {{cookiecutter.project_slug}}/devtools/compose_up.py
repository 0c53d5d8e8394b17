"""``make up``: start the Compose stack and wait until all of it is healthy, or say in a line what is in the way.

Needs the standard library only, since no package is installed where it may run.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from devtools.write_secrets import PLACEHOLDER

OLDEST_ENGINE = 25
OLDEST_COMPOSE = (2, 24)
INSTALL = "https://docs.docker.com"
PUBLISHED = re.compile(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}")


@dataclass(frozen=True)
class Stack:
    """Which Compose file, with which settings."""

    file: str
    env_file: str
    up: tuple[str, ...]  # options of `docker compose up`
    servers: str  # folder of the included files

    @property
    def command(self) -> list[str]:
        """The beginning of each command."""
        env_file = ["--env-file", self.env_file] if Path(self.env_file).exists() else []
        return ["docker", "compose", "--file", self.file, *env_file]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command and return what it printed."""
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)


STACKS = {
    "dev": Stack("compose.yaml", ".env", ("--build",), "docker/dev"),
    "prod": Stack("compose.prod.yaml", ".env.prod", (), "docker/prod"),
}


def fail(*lines: str) -> NoReturn:
    """End with a message.

    Raises:
        SystemExit: always.
    """
    raise SystemExit("\n".join(["error: " + lines[0], *lines[1:]]))


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def check_engine() -> None:
    """Fail unless Docker, its engine and Compose can be used."""
    if shutil.which("docker") is None:
        fail(f"docker is not installed: {INSTALL}/get-started/get-docker/")
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if answer.returncode and "permission denied" in answer.stderr.lower():
        fail(f"you may not use Docker: {INSTALL}/engine/install/linux-postinstall/")
    if answer.returncode:
        fail("the Docker engine does not answer: start Docker Desktop, or `sudo systemctl start docker`")
    engine = re.search(r"Server Version: (\d+)", answer.stdout)
    if engine and int(engine[1]) < OLDEST_ENGINE:
        fail(f"Docker Engine {OLDEST_ENGINE} or later is needed, and it is {engine[1]}: {INSTALL}/engine/install/")
    answer = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)\.(\d+)", answer.stdout)
    if answer.returncode or not version or (int(version[1]), int(version[2])) < OLDEST_COMPOSE:
        found = answer.stdout.strip() or "not installed"
        fail(f"Docker Compose 2.24 or later is needed, and it is {found}: {INSTALL}/compose/install/")


def check_env_file(stack: Stack) -> None:
    """Fail if production's settings are missing, or hold placeholders."""
    path = Path(stack.env_file)
    if stack is STACKS["prod"] and not path.exists():
        fail(f"{path} is missing: `make secrets` writes it")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition("=")[0] for line in lines if PLACEHOLDER in line and not line.startswith("#")]
    if names:
        fail(f"{path}: {', '.join(names)}: still {PLACEHOLDER}: put the real value there")


def docker(*arguments: str) -> str:
    """Run a command that should succeed, and return what it printed."""
    command = ["docker", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def configuration(stack: Stack) -> dict[str, Any]:
    """Return what Compose makes of the file; fail with its own words if it cannot."""
    answer = stack.run("config", "--format", "json")
    if answer.returncode:
        fail(last_line(answer.stderr))
    return dict(json.loads(answer.stdout))


def containers(stack: Stack) -> list[dict[str, Any]]:
    """Return the stack's containers, stopped ones too."""
    output = stack.run("ps", "--all", "--format", "json").stdout.strip()
    return [json.loads(line) for line in output.splitlines()] if output.startswith("{") else json.loads(output or "[]")


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` of 127.0.0.1."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def published_ports(config: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield service and port of this machine, for every port that gets published."""
    for name, service in config["services"].items():
        for port in service.get("ports", []):
            yield name, int(port["published"])


def variable_of_port(stack: Stack, port: int) -> str:
    """Return the variable that decides about a published port."""
    path = Path(stack.env_file)
    settings = dict(re.findall(r"^(\w+)=(.+)$", path.read_text(), re.MULTILINE)) if path.exists() else {}
    settings |= os.environ
    for file in [Path(stack.file), *Path(stack.servers).glob("*.yaml")]:
        for name, default in PUBLISHED.findall(file.read_text()):
            if int(settings.get(name) or default) == port:
                return str(name)
    return "the port"


def check_ports(stack: Stack, config: dict[str, Any]) -> None:
    """Fail if somebody else listens where this stack wants to."""
    own = {
        port["PublishedPort"]
        for container in containers(stack)
        for port in container.get("Publishers") or []
        if container["State"] == "running"
    }
    for service, port in published_ports(config):
        if port not in own and not is_free(port):
            fail(
                f"port {port}, which {service} needs, is taken: stop what listens there, or set "
                f"{variable_of_port(stack, port)} in {stack.env_file} to another"
            )


def what_went_wrong(stack: Stack) -> list[str]:
    """Return what the containers say that failed."""
    lines = []
    for container in containers(stack):
        service = container["Service"]
        if container["State"] == "exited" and container["ExitCode"]:
            log = docker("logs", "--tail", "3", container["ID"])
            lines += [f"{service} ended with status {container['ExitCode']}:", *log.strip().splitlines()]
        elif container.get("Health") == "unhealthy":
            (state,) = json.loads(docker("inspect", container["ID"]))
            lines.append(f"{service} is unhealthy: {last_line(state['State']['Health']['Log'][-1]['Output'])}")
    return lines


def up(stack: Stack) -> None:
    """Start everything; fail with what the containers say, and leave nothing behind that was not there before."""
    before = containers(stack)
    if subprocess.run([*stack.command, "up", "--detach", "--wait", *stack.up], check=False).returncode:
        problems = what_went_wrong(stack)
        if not before:
            stack.run("down")
        fail("the stack did not come up", *problems)


def main(name: str = "dev") -> None:
    """Start a stack and say where to look.

    Raises:
        SystemExit: something is in the way; the message says what to do.
    """
    stack = STACKS[name]
    check_engine()
    check_env_file(stack)
    config = configuration(stack)
    check_ports(stack, config)
    up(stack)
    print("\nReady:")
    for service, port in published_ports(config):
        print(f"  {service:<12} 127.0.0.1:{port}")


if __name__ == "__main__":
    main(*sys.argv[1:])
