"""The broker is taken away while services commit, and brought back: nothing is lost, and nothing is relayed twice."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from trinity_celery.config import Service
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.redis import private_redis

from devtools.stack import ROOT, Stack, procfile
from devtools.web_services import WEB_SERVICES, WebService
from shared.contracts import PING_TASKS
from shared.queues import PROJECT

ANSWER_LIMIT = 3.0  # seconds in which a request is answered, with a broker or without
REQUESTS = 3

PAIRS = list(zip(WEB_SERVICES, PROJECT.services, strict=True))
each_service = pytest.mark.parametrize(("web", "service"), PAIRS, ids=[service.name for _, service in PAIRS])


@pytest.fixture
def environment() -> dict[str, str]:
    """Variables that name a server which is not there yet."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    return {"REDIS_URL": url, "CELERY_BROKER_URL": url}


@pytest.fixture
def started(broker: Stack, web: WebService, service: Service, environment: dict[str, str]) -> Iterator[Stack]:
    """A web service without its broker, and an empty outbox."""
    query(broker, service, f"DELETE FROM {service.package}_outbox RETURNING id")
    broker.log("worker").write_text("")
    broker.start(web.process, procfile()[web.process], environment)
    broker.wait_for(f"{web.address(broker.environment)}/health/live")
    yield broker
    broker.stop(web.process)


@contextmanager
def broker_and_worker(stack: Stack, queue: str, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Bring the broker back, and run a worker, while the context is open."""
    port = int(environment["REDIS_URL"].rpartition(":")[2].removesuffix("/0"))
    with private_redis(folder, port):
        stack.start("worker", f"trinity worker {queue} --hostname late@%h", environment)
        try:
            yield
        finally:
            stack.stop("worker")


def python(stack: Stack, environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**stack.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process: "subprocess.Popen[str]") -> Any:
    """Wait for a process and return what it printed, from JSON."""
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return json.loads(out)


def query(stack: Stack, service: Service, statement: str) -> Any:
    return output(python(stack, {}, "-m", "tests.query", service.celery_app, statement))


def waiting(stack: Stack, service: Service) -> int:
    return int(query(stack, service, f"SELECT count(*) FROM {service.package}_outbox")[0][0])


def relay(stack: Stack, service: Service, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Begin what the schedule does, or ``make task``."""
    task = f"{service.package}.delivery.tasks.relay_outbox"
    return python(stack, environment, "-m", "devtools.task", task, "{}")


def request(stack: Stack, web: WebService) -> str:
    """Have a task written down, and return where its status is."""
    example, address = web.examples[0], web.address(stack.environment)
    started = time.perf_counter()
    answer = httpx.post(f"{address}{example.path}", json=example.body, timeout=30)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    assert time.perf_counter() - started < ANSWER_LIMIT
    return f"{address}{answer.json()['status_url']}"


def wait_until_done(urls: list[str]) -> None:
    deadline = time.monotonic() + 60
    for url in urls:
        while httpx.get(url).json().get("state") != "succeeded":
            assert time.monotonic() < deadline, httpx.get(url).text
            time.sleep(0.1)


def executed(stack: Stack) -> set[str]:
    """Return the ids of the tasks that the worker has run."""
    return set(re.findall(r"\[([0-9a-f-]{36})\] succeeded in ", stack.log("worker").read_text()))


def ids(urls: list[str]) -> set[str]:
    return {url.rpartition("/")[2] for url in urls}


def queue_of(service: Service) -> str:
    name = PROJECT.queue_of_task(PING_TASKS[service.celery_app])
    assert name
    return PROJECT.find_queue(name).name


@each_service
def test_what_was_committed_without_a_broker_is_sent_once_when_it_is_back(
    started: Stack, web: WebService, service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    urls = [request(started, web) for _ in range(REQUESTS)]
    assert waiting(started, service) == REQUESTS
    said = relay(started, service, environment).communicate(timeout=60)[1]
    assert "BrokerUnavailableError" in said
    with broker_and_worker(started, queue_of(service), environment, tmp_path):
        # Two at a time: each message belongs to one of them.
        relays = [relay(started, service, environment) for _ in range(2)]
        assert sum(output(process) for process in relays) == REQUESTS
        assert waiting(started, service) == 0
        wait_until_done(urls)
    assert executed(started) == ids(urls)


@each_service
def test_next_message_takes_along_those_that_wait(
    started: Stack, web: WebService, service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    urls = [request(started, web)]
    with broker_and_worker(started, queue_of(service), environment, tmp_path):
        urls.append(request(started, web))
        wait_until_done(urls)
        assert waiting(started, service) == 0
    assert executed(started) == ids(urls)


SEND_AND_DIE = """
import os, signal
from importlib import import_module
import_module({app!r}).celery_app.loader.import_default_modules()
from trinity_celery.contracts import sending
from trinity_celery.transactions.database import any_database
send = sending.publish
def send_and_die(*arguments):
    send(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
sending.publish = send_and_die
sending.relay_outbox(any_database())
"""


@each_service
def test_relay_that_dies_before_it_commits_sends_again_under_the_same_id(
    started: Stack, web: WebService, service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    url = request(started, web)
    with broker_and_worker(started, queue_of(service), environment, tmp_path):
        dying = python(started, environment, "-c", SEND_AND_DIE.format(app=service.celery_app))
        assert dying.wait(60) < 0
        assert waiting(started, service) == 1
        wait_until_done([url])
        assert output(relay(started, service, environment)) == 1
    assert waiting(started, service) == 0
    assert executed(started) == ids([url])


@pytest.mark.parametrize(("web", "service"), PAIRS[:1], ids=[PROJECT.services[0].name])
def test_message_that_cannot_be_sent_holds_up_no_other(
    started: Stack, web: WebService, service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    url = request(started, web)
    bad = '{"name": "gone", "kwargs": {}, "task_id": "1", "queue": "gone", "eta": null, "ignore_result": true}'
    columns = f"{service.package}_outbox (id, message, created_at)"
    query(started, service, f"INSERT INTO {columns} VALUES (-1, '{bad}', CURRENT_TIMESTAMP) RETURNING id")
    with broker_and_worker(started, queue_of(service), environment, tmp_path):
        relaying = relay(started, service, environment)
        assert output(relaying) == 1
        wait_until_done([url])
    assert waiting(started, service) == 1
