"""Flower shows the workers and tasks of every service, and wants a login outside development."""

import subprocess
import time

import httpx
import pytest
from trinity_celery.testing.processes import with_own_python

from devtools.stack import ROOT, Stack
from devtools.web_services import WEB_SERVICES
from shared.contracts import PINGS
from shared.queues import PROJECT

LOGIN = ("admin", "for-tests-only")


def ask(stack: Stack, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{stack.environment['FLOWER_PORT']}{path}", auth=LOGIN, timeout=30)


def test_workers_and_tasks_of_every_service_are_shown(stack: Stack) -> None:
    deadline = time.monotonic() + 60
    while True:
        for queue in PROJECT.queue_names():
            stack.finished(stack.post(WEB_SERVICES[0], f"/queues/{queue}/ping"))
        workers = {name.partition("@")[0] for name in ask(stack, "/api/workers?refresh=1").json()}
        tasks = {task["name"] for task in ask(stack, "/api/tasks").json().values() if task["state"] == "SUCCESS"}
        if set(PROJECT.queue_names()) <= workers and {contract.name for contract in PINGS.values()} <= tasks:
            break
        assert time.monotonic() < deadline, (workers, tasks)
        time.sleep(1)
    page = ask(stack, "/workers").text
    assert all(f"{queue}@" in page for queue in PROJECT.queue_names())


def test_login_is_asked_for(stack: Stack) -> None:
    response = httpx.get(f"http://127.0.0.1:{stack.environment['FLOWER_PORT']}/workers")
    assert response.status_code == httpx.codes.UNAUTHORIZED


def test_development_needs_no_login(broker: Stack) -> None:
    broker.start("flower", "trinity flower", {"FLOWER_BASIC_AUTH": ""})
    url = f"http://127.0.0.1:{broker.environment['FLOWER_PORT']}/workers"
    deadline = time.monotonic() + 30
    while True:
        broker.check()
        try:
            response = httpx.get(url)
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    broker.stop("flower")
    assert response.status_code == httpx.codes.OK


REQUIRED = "FLOWER_BASIC_AUTH: is required outside development: set it to name:password"
NO_LOGIN = "FLOWER_BASIC_AUTH: is no login: set it to name:password; commas separate several"
PLACEHOLDER = "FLOWER_BASIC_AUTH: still holds CHANGE_ME: put the real value there"


@pytest.mark.parametrize(("login", "message"), [("", REQUIRED), ("admin", NO_LOGIN), ("admin:CHANGE_ME", PLACEHOLDER)])
def test_does_not_start_without_a_login_outside_development(login: str, message: str) -> None:
    environment = with_own_python({"ENVIRONMENT": "production", "FLOWER_BASIC_AUTH": login})
    command = ["python", "-m", "trinity_celery", "flower"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == message
