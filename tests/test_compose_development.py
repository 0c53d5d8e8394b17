"""``make up`` in rendered projects: everything becomes healthy, tasks go round, code is reloaded, nothing is left."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from local_extensions import plan
from tests.commands import PYTHON, clean_environment
from tests.compose import ComposeStack, wait_until
from tests.conftest import Bake
from tests.matrix import Answers
from tests.test_plan import complete

pytestmark = [pytest.mark.docker, pytest.mark.slow]

PROJECTS: dict[str, Answers] = {
    "default": {},
    "rabbitmq-database": {"broker": "rabbitmq", "beat_scheduler": "database"},
    "fastapi-three-queues": {"use_django": False, "queues": "atom:fastapi, gpu:fastapi, bulk-mail:fastapi"},
    "django-file": {"use_fastapi": False, "beat_scheduler": "file"},
}
SERVICES = {"django": ("DJANGO_PORT", "platform"), "fastapi": ("FASTAPI_PORT", "atom")}
ACROSS = [
    ("DJANGO_PORT", "/platform/scores", {"text": "a text for the other service"}),
    ("FASTAPI_PORT", "/atom/reports", {"title": "Second report", "body": "for the other service"}),
]


@pytest.fixture
def start(bake: Bake, tmp_path: Path) -> Iterator[Callable[..., ComposeStack]]:
    """Return a function that renders a project and gives its stack; all of it is removed afterwards."""
    stacks = []

    def render(**answers: Any) -> ComposeStack:
        stack = ComposeStack(shutil.copytree(bake(**answers), tmp_path / "trinity"), SCHEDULE_TICK_SECONDS="2")
        stacks.append(stack)
        return stack

    yield render
    for stack in stacks:
        stack.remove()


def check_containers(stack: ComposeStack) -> None:
    """All that runs is healthy, and what had to end has ended well."""
    for container in stack.containers():
        name, state = container["Config"]["Labels"]["com.docker.compose.service"], container["State"]
        if name in ("release", "app-tables"):
            assert (state["Status"], state["ExitCode"]) == ("exited", 0)
        else:
            assert state["Health"]["Status"] == "healthy", name


def check_tasks(stack: ComposeStack, answers: Answers) -> None:
    """Every service reaches every queue, and the other service."""
    made = plan(complete(**answers))
    ports = [SERVICES[service.name][0] for service in made.services]
    for port in ports:
        for queue in made.queues:
            status = stack.finished(port, stack.send(port, f"/queues/{queue.name}/ping"))
            assert (status["result"], status["queue"]) == ("pong", queue.name)
    for port, path, body in ACROSS if len(ports) > 1 else []:
        assert stack.finished(port, stack.send(port, path, body))["state"] == "succeeded"


def check_schedule(stack: ComposeStack, answers: Answers) -> None:
    """Beat has the statistics of every service refreshed."""
    for service in plan(complete(**answers)).services:
        port, name = SERVICES[service.name]

        def refreshed(port: str = port, name: str = name) -> bool:
            return bool(json.loads(stack.http(port, f"/{name}/statistics")[1])["refreshes"])

        wait_until(refreshed, 60, f"the schedule fires for {name}")


def check_flower(stack: ComposeStack, answers: Answers) -> None:
    """Flower knows the worker of every queue."""
    queues = {queue.name for queue in plan(complete(**answers)).queues}

    def shown() -> bool:
        page = stack.http("FLOWER_PORT", "/workers")[1]
        return all(f"{queue}@" in page for queue in queues)

    wait_until(shown, 60, "Flower shows every worker")


@pytest.mark.parametrize("name", PROJECTS)
def test_stack_comes_up_works_and_goes(name: str, start: Callable[..., ComposeStack]) -> None:
    """PARITY A5, B10, E5."""
    answers = PROJECTS[name]
    stack = start(**answers)
    said = stack.up()
    assert re.search(r"^Ready:$", said, re.MULTILINE), said
    check_containers(stack)
    check_tasks(stack, answers)
    check_schedule(stack, answers)
    check_flower(stack, answers)
    listed = stack.make("ps").stdout
    assert "celery-beat" in listed
    assert "(healthy)" in listed
    assert stack.make("up").returncode == 0  # once more changes nothing, its own ports do not stand in its way
    assert stack.make("down").returncode == 0
    assert stack.containers() == []


def first_lines(stack: ComposeStack, target: str, wanted: str) -> str:
    """Return what a target that follows logs has printed when ``wanted`` was among it; then stop it, as Ctrl-C does."""
    command = ["make", f"PYTHON={PYTHON}", target]
    child = pexpect.spawn(
        command[0], command[1:], cwd=stack.project, env=clean_environment(**stack.environment), encoding="utf-8"
    )
    try:
        child.expect_exact(wanted, timeout=30)
        return str(child.before)
    finally:
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()


def test_logs_and_shell_reach_the_containers(start: Callable[..., ComposeStack]) -> None:
    """PARITY E5; and code that changes is picked up."""
    stack = start(use_django=False, use_flower=False)
    stack.up()
    assert "celery-beat" not in first_lines(stack, "celery-logs", "atom@")
    assert "atom@" not in first_lines(stack, "celery-beat-logs", "beat: Starting")
    first_lines(stack, "logs", "Application startup complete")
    shell = pexpect.spawn(
        "make",
        [f"PYTHON={PYTHON}", "shell", "SERVICE=celery-atom"],
        cwd=stack.project,
        env=clean_environment(**stack.environment),
        encoding="utf-8",
    )
    shell.sendline("echo I am $(id -u); exit")
    shell.expect("I am 10001", timeout=30)
    shell.expect(pexpect.EOF)
    shell.close()
    check_reload(stack)


def check_reload(stack: ComposeStack) -> None:
    """A worker and a web service begin anew when their code changes."""
    tasks = stack.project / "app/atom/tasks.py"
    tasks.write_text(tasks.read_text().replace('return "pong"', 'return "changed"'))

    def answer() -> bool:
        return bool(
            stack.finished("FASTAPI_PORT", stack.send("FASTAPI_PORT", "/queues/atom/ping"))["result"] == "changed"
        )

    wait_until(answer, 60, "the worker runs the new code")
    main = stack.project / "app/main.py"
    main.write_text(main.read_text().replace("title=PROJECT.name", 'title="changed"'))
    wait_until(lambda: "changed" in stack.http("FASTAPI_PORT", "/openapi.json")[1], 60, "the service runs the new code")


def test_what_is_in_the_way_is_said_in_one_line(start: Callable[..., ComposeStack]) -> None:
    stack = start(use_fastapi=False, use_flower=False, beat_scheduler="none")
    stack.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    assert errors(stack.make("up").stdout) == [
        "error: the Docker engine does not answer: start Docker Desktop, or `sudo systemctl start docker`"
    ]
    del stack.environment["DOCKER_HOST"]

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        usual, stack.environment["DJANGO_PORT"] = stack.environment["DJANGO_PORT"], port
        assert errors(stack.make("up").stdout) == [
            f"error: port {port}, which web needs, is taken: stop what listens there, or set DJANGO_PORT in .env to "
            "another"
        ]
    assert stack.containers() == []

    stack.environment["DJANGO_PORT"] = usual
    stack.up()
    stack.compose("down")  # the volume stays, and with it the first password
    stack.environment["POSTGRES_PASSWORD"] = "another"
    ended = stack.make("up")
    assert ended.returncode != 0
    assert re.search(
        r"^error: DATABASE_URL: the database at postgres:5432 refuses the login", ended.stdout, re.MULTILINE
    )
    assert stack.containers() == []


def errors(output: str) -> list[str]:
    """Return what was said, but for make's own words."""
    return [line for line in output.splitlines() if not line.startswith(("make:", "Wrote .env"))]
