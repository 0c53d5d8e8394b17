"""Servers that may lose tasks: refused outside development, warned of in it, with the setting that is to be changed."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from tests.library.harness import WORKER, sender_for
from tests.matrix import ROOT
from trinity_celery.config import CelerySettings
from trinity_celery.connections import redis_client
from trinity_celery.health.readiness import check_servers
from trinity_celery.health.redis_servers import (
    TIMEOUT,
    Problem,
    check_redis_servers,
    find_problems,
    refuse_unsafe_servers,
)
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.processes import Processes
from trinity_celery.testing.redis import private_redis

pytestmark = pytest.mark.only("redis")

PASSWORD = "sesame"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that wants a password."""
    with private_redis(tmp_path_factory.mktemp("redis"), requirepass=PASSWORD) as found:
        yield found.replace("://", f"://:{PASSWORD}@")


@pytest.fixture
def server(url: str) -> Iterator[Redis]:
    """A client of that server, whose settings are as they should be before and after."""
    with redis_client(CelerySettings(), url) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)
        client.config_set("appendonly", "yes")
        client.config_set("save", "")
        client.replicaof("NO", "ONE")


def said(url: str) -> list[str]:
    """Return what is said of the server, without its place."""
    problems = check_redis_servers(CelerySettings(redis_url=url))
    assert all(problem.text.startswith("REDIS_URL: the server at 127.0.0.1:") for problem in problems)
    assert not any(PASSWORD in problem.text for problem in problems)
    return [problem.text.split(maxsplit=5)[5] for problem in problems]


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("maxmemory-policy", "allkeys-lru", "may throw tasks away when its memory is full: set "),
        ("maxmemory-policy", "volatile-ttl", "may throw tasks away when its memory is full: set "),
        ("appendonly", "no", "writes nothing to disk, so it loses what it holds when it restarts: set "),
        ("maxmemory", "1mb", "has "),
        ("replicaof", "127.0.0.1 1", "is a replica, which takes no tasks: write the "),
    ],
)
def test_what_is_wrong_is_said_with_the_setting_to_change(
    setting: str, value: str, problem: str, server: Redis, url: str
) -> None:
    assert said(url) == []
    if setting == "replicaof":
        server.replicaof(*value.split())
    else:
        server.config_set(setting, value)
    [line] = said(url)
    assert line.startswith(problem)


def test_server_that_evicts_is_refused_outside_development_only(
    server: Redis, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    [warned] = refuse_unsafe_servers(CelerySettings(redis_url=url))
    assert "allkeys-lru" in warned.text
    monkeypatch.setenv("REDIS_URL", url)
    check_servers(sender_for({}))
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SystemExit, match=r"^error: REDIS_URL: the server .* may throw tasks .*, not allkeys-lru$"):
        refuse_unsafe_servers(CelerySettings())
    with pytest.raises(RuntimeError, match="may throw tasks away"):
        check_servers(sender_for({}))
    monkeypatch.setenv("REDIS_SERVER_CHECKS", "0")
    check_servers(sender_for({}))


def test_worker_does_not_start_on_a_server_that_evicts(server: Redis, url: str, broker: Processes) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    urls = {"REDIS_URL": url, "CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
    broker.start("evicted", WORKER, {"ENVIRONMENT": "production", **urls})
    assert broker.wait("evicted", 30) == 1
    log = broker.log("evicted").read_text()
    assert log.count("may throw tasks away when its memory is full: set maxmemory-policy to noeviction") == 1, log
    assert "Traceback" not in log
    assert " ready." not in log


def test_worker_ends_when_a_server_that_was_away_comes_and_evicts(url: str, broker: Processes, tmp_path: Path) -> None:
    port = free_port()
    urls = {
        "REDIS_URL": url,
        "CELERY_BROKER_URL": url,
        "CELERY_RESULT_BACKEND": f"redis://:{PASSWORD}@127.0.0.1:{port}",
    }
    broker.start("early", WORKER, {"ENVIRONMENT": "production", **urls})
    broker.wait_for_text("early", "cannot be seen yet: CELERY_RESULT_BACKEND: ")
    with private_redis(tmp_path, port, **{"maxmemory-policy": "allkeys-lru", "requirepass": PASSWORD}):
        assert broker.wait("early", 30) == 1
    assert " may throw tasks away when its memory is full: " in broker.log("early").read_text()


def test_server_that_may_not_be_asked_is_named_with_the_variable_that_says_it_was_checked(
    server: Redis, url: str
) -> None:
    server.acl_setuser("app", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all", "-info"])
    [line] = said(url.replace("://:", "://app:"))
    assert line.startswith("cannot be checked, as its user may not run INFO: ")
    assert line.endswith("set REDIS_SERVER_CHECKS=0")


def test_version_without_what_workers_need_is_named() -> None:
    [problem] = find_problems({"redis_version": "6.0.16"})
    assert problem == Problem("is version 6.0.16: use Redis 6.2 or later, or Valkey", is_serious=True)
    assert list(find_problems({"redis_version": "7.2.4", "valkey_version": "9.1.0"})) == []


def test_what_a_server_keeps_decides_whether_it_is_refused(server: Redis, url: str) -> None:
    def refuses(**urls: str) -> bool:
        [problem] = check_redis_servers(CelerySettings(**urls))  # type: ignore[arg-type]
        return problem.is_serious

    server.config_set("appendonly", "no")
    assert refuses(redis_url=url)
    server.config_set("save", "3600 1")
    assert not refuses(redis_url=url)
    # A hosted server does not tell when it takes snapshots. Whether it has taken one, it does.
    server.acl_setuser("hosted", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all", "-config"])
    hosted = url.replace("://:", "://hosted:")
    assert "has taken no snapshot since it started" in said(hosted)[0]
    assert refuses(redis_url=hosted)
    server.bgsave()
    while server.info("persistence")["rdb_bgsave_in_progress"]:
        time.sleep(0.01)
    assert said(hosted) == ["forgets what was sent since its last snapshot when it restarts: set appendonly to yes"]


def test_results_may_be_kept_in_memory_only(server: Redis, url: str, tmp_path: Path) -> None:
    server.config_set("appendonly", "no")
    with private_redis(tmp_path) as safe:
        [problem] = check_redis_servers(CelerySettings(redis_url=safe, celery_result_backend=url))
    assert problem.text.startswith("CELERY_RESULT_BACKEND: the server at ")
    assert not problem.is_serious


def test_databases_of_one_server_are_named_once(server: Redis, url: str) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    databases = {"celery_broker_url": url.replace("/0", "/1"), "celery_result_backend": url.replace("/0", "/2")}
    [problem] = check_redis_servers(CelerySettings(redis_url=url, **databases))  # type: ignore[arg-type]
    assert problem.text.startswith("REDIS_URL: ")


@pytest.mark.parametrize(
    ("problem", "cure", "looks"),
    [
        ("ConnectionError", "start it, or correct the variable", "1"),
        ("AuthenticationError", "correct the variable and start this process again", "1"),
        ("NoPermissionError", "correct the variable and start this process again", "0"),
    ],
)
def test_server_that_nothing_else_asks_must_be_there(
    problem: str, cure: str, looks: str, server: Redis, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = url.rpartition("@")[2]
    server.acl_setuser("idle", enabled=True, passwords=[f"+{PASSWORD}"], commands=["-@all"])
    third = {
        "ConnectionError": f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0",
        "AuthenticationError": f"redis://:wrong@{address}",
        "NoPermissionError": f"redis://idle:{PASSWORD}@{address.replace('/0', '/3')}",
    }[problem]
    variables = {"REDIS_URL": third, "CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
    for name, value in {**variables, "REDIS_SERVER_CHECKS": looks}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match=rf"^REDIS_URL: the server at [\d.:]+: {problem}: "):
        check_servers(sender_for({}))
    command = [sys.executable, "-m", "trinity_celery", "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: REDIS_URL: the server at 127.0.0.1:")
    assert line.endswith(cure)
    assert PASSWORD not in line


def test_servers_that_do_not_answer_are_waited_for_together() -> None:
    with ExitStack() as listening:
        sockets = [listening.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        names = ("redis_url", "celery_broker_url", "celery_result_backend")
        urls = [f"redis://127.0.0.1:{each.getsockname()[1]}/0" for each in sockets]
        began = time.monotonic()
        problems = check_redis_servers(CelerySettings(**dict(zip(names, urls, strict=True))))  # type: ignore[arg-type]
        assert time.monotonic() - began < 2 * TIMEOUT
    assert [problem.is_serious for problem in problems] == [True, False, False]
    assert all("TimeoutError" in problem.text for problem in problems)
