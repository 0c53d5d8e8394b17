"""Servers that may lose tasks: refused outside development, warned of in it, with the setting that is to be changed."""

from collections.abc import Iterator

import pytest
from honcho.environ import parse
from redis import Redis

from devtools.redis import private_redis
from devtools.stack import ROOT, Stack
from shared.environment import PLACEHOLDER
from shared.health import check_servers
from shared.layout import queue_names
from shared.redis_client import redis_client
from shared.redis_state import check_redis_servers, find_problems, refuse_unsafe_servers
from shared.settings import CelerySettings

PASSWORD = "sesame"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that wants a password."""
    with private_redis(tmp_path_factory.mktemp("redis")) as found:
        with Redis.from_url(found) as client:
            client.config_set("requirepass", PASSWORD)
        yield found.replace("://", f"://:{PASSWORD}@")


@pytest.fixture
def server(url: str) -> Iterator[Redis]:
    """A client of that server, whose settings are as they should be before and after."""
    with redis_client(url) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)
        client.config_set("appendonly", "yes")
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
        ("appendonly", "no", "forgets what was sent since its last snapshot when it restarts: set appendonly to yes"),
        ("maxmemory", "1mb", "has "),
        ("replicaof", "127.0.0.1 1", "is a replica, which takes no tasks: write the "),
    ],
)
def test_what_is_wrong_is_said_with_the_setting_to_change(
    setting: str, value: str, problem: str, server: Redis, url: str
) -> None:
    assert said(url) == []
    if setting == "replicaof":
        server.replicaof(*value.split())  # type: ignore[arg-type]
    else:
        server.config_set(setting, value)
    [line] = said(url)
    assert line.startswith(problem)


def test_server_that_evicts_is_refused_outside_development_only(
    server: Redis, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    [warned] = refuse_unsafe_servers(CelerySettings(redis_url=url))
    assert "allkeys-lru" in warned
    monkeypatch.setenv("REDIS_URL", url)
    check_servers()
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SystemExit, match=r"^error: REDIS_URL: the server .* may throw tasks .*, not allkeys-lru$"):
        refuse_unsafe_servers(CelerySettings())
    with pytest.raises(RuntimeError, match="may throw tasks away"):
        check_servers()
    monkeypatch.setenv("REDIS_SERVER_CHECKS", "0")
    check_servers()


def test_worker_does_not_start_on_a_server_that_evicts(server: Redis, url: str, broker: Stack) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    settings = parse((ROOT / "envs/prod.env").read_text())
    production = {name: value.replace(PLACEHOLDER, "a" * 50) for name, value in settings.items()}
    urls = {"REDIS_URL": url, "CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
    broker.start("evicted", f"python -m shared.commands.worker {queue_names()[0]}", {**production, **urls})
    assert broker.wait("evicted", 30) == 1
    log = broker.log("evicted").read_text()
    assert log.count("may throw tasks away when its memory is full: set maxmemory-policy to noeviction") == 1, log
    assert "Traceback" not in log
    assert " ready." not in log


def test_server_that_may_not_be_asked_is_named_with_the_variable_that_says_it_was_checked(
    server: Redis, url: str
) -> None:
    server.acl_setuser("app", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all", "-info"])
    [line] = said(url.replace("://:", "://app:"))
    assert line.startswith("cannot be checked, as its user may not run INFO: ")
    assert line.endswith("set REDIS_SERVER_CHECKS=0")


def test_version_without_what_workers_need_is_named() -> None:
    [problem] = find_problems({"redis_version": "6.0.16"})
    assert problem == ("is version 6.0.16: use Redis 6.2 or later, or Valkey", True)
    assert list(find_problems({"redis_version": "7.2.4", "valkey_version": "9.1.0"})) == []
