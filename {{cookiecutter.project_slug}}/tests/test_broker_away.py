"""The broker refuses connections, or accepts them and never answers: every request still gets an answer in time."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.redis import private_redis

from devtools.stack import Stack, procfile
from devtools.web_services import WEB_SERVICES, WebService
from shared.queues import PROJECT

LIMIT = 2.0  # seconds in which a request is answered
REFUSALS = 300  # more than connections that redis-py's pool makes by default
PING = f"/queues/{PROJECT.queue_names()[0]}/ping"

each_service = pytest.mark.parametrize("service", WEB_SERVICES, ids=lambda service: service.title)


@pytest.fixture(scope="module")
def redis_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def services(broker: Stack, redis_port: int) -> Iterator[Stack]:
    """The web services, told of a server that is not there yet."""
    url = f"redis://127.0.0.1:{redis_port}/0"
    for service in WEB_SERVICES:
        extra = {"REDIS_URL": url, "CELERY_BROKER_URL": url}
        broker.start(service.process, procfile()[service.process], extra)
        broker.wait_for(f"{service.address(broker.environment)}/health/live")
    yield broker
    broker.stop(*(service.process for service in WEB_SERVICES))


def timed_post(services: Stack, service: WebService) -> tuple[httpx.Response, float]:
    started = time.perf_counter()
    response = httpx.post(f"{service.address(services.environment)}{PING}", timeout=30)
    return response, time.perf_counter() - started


def assert_unavailable(services: Stack, service: WebService, missing: list[str]) -> None:
    for _ in range(3):
        response, seconds = timed_post(services, service)
        assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
        assert response.json()["detail"].startswith("the task queue is not available: ")
        assert "Retry-After" in response.headers
        assert seconds < LIMIT
    ready = httpx.get(f"{service.address(services.environment)}/health/ready", timeout=30)
    assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert sorted(ready.json()["problems"]) == missing


@each_service
def test_broker_that_refuses(services: Stack, service: WebService) -> None:
    assert_unavailable(services, service, ["broker", "result backend"])
    status = httpx.get(f"{service.address(services.environment)}/tasks/0123", timeout=30)
    assert status.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert status.json()["detail"].startswith("the result backend is not available: ")
    assert "Retry-After" in status.headers


def wait_until_accepted(services: Stack, service: WebService) -> None:
    deadline = time.monotonic() + 10
    while timed_post(services, service)[0].status_code != httpx.codes.ACCEPTED:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Halt a server, given one of its processes, without ending it, while the context is open."""
    group = os.getpgid(process)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


@each_service
def test_sending_goes_on_however_often_the_broker_refused(
    services: Stack, service: WebService, redis_port: int, tmp_path: Path
) -> None:
    with httpx.Client(base_url=service.address(services.environment), timeout=30) as client:
        for _ in range(REFUSALS):
            assert client.post(PING).status_code == httpx.codes.SERVICE_UNAVAILABLE
    with private_redis(tmp_path, redis_port):
        wait_until_accepted(services, service)


@each_service
def test_broker_that_is_frozen(services: Stack, service: WebService, redis_port: int, tmp_path: Path) -> None:
    with private_redis(tmp_path, redis_port):
        # It works, so that the service holds a connection; then it freezes; then it works again.
        wait_until_accepted(services, service)
        found = subprocess.run(["pgrep", "-f", f"127.0.0.1:{redis_port}"], capture_output=True, text=True, check=True)
        with frozen(int(found.stdout.split()[0])):
            assert_unavailable(services, service, ["broker", "result backend"])
            assert_others_are_answered(services, service)
            assert_crowd_is_answered(services, service)
        wait_until_accepted(services, service)


def assert_crowd_is_answered(services: Stack, service: WebService) -> None:
    """More requests than the process has threads are all answered in time: they do not wait one after the other."""
    with (
        httpx.Client(base_url=service.address(services.environment), timeout=30) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        for response in pool.map(lambda _: client.post(PING), range(16)):
            assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
            assert response.elapsed.total_seconds() < LIMIT


def assert_others_are_answered(services: Stack, service: WebService) -> None:
    """While requests wait for the broker, one that does not need it is answered at once."""
    # As many as the process serves at a time: gunicorn runs four threads here, and one must stay free to answer.
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(timed_post, services, service) for _ in range(3)]
        time.sleep(0.2)
        started = time.perf_counter()
        assert httpx.get(f"{service.address(services.environment)}/health/live", timeout=30).status_code == 200
        seconds = time.perf_counter() - started
        assert not all(future.done() for future in waiting), "the requests did not wait, so this showed nothing"
    assert seconds < 1
