"""What a server refuses for good ends a process in one line; what may heal does not."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import trustme
from celery import Celery

from tests.library.shop.queues import PROJECT
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.config.runtime import attach
from trinity_celery.connections import redis_client
from trinity_celery.health.refusals import refuse_refusing_servers
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.redis import private_redis
from trinity_celery.testing.tls_proxy import tls_proxy
from trinity_celery.worker import ProjectApp, celery_configuration

USERS = {
    "silent": ["-publish"],
    "reader": ["-@write"],
    "guest": ["-@all", "+ping"],
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with users that lack rights."""
    with private_redis(tmp_path_factory.mktemp("redis")) as found:
        with redis_client(CelerySettings(), found) as client:
            for name, commands in USERS.items():
                rights = {"keys": ["*"], "channels": ["*"], "commands": ["+@all", *commands]}
                client.acl_setuser(name, enabled=True, passwords=["+Sesame"], **rights)
        yield found


def results_at(url: str, broker: str) -> Celery:
    """Return an app that keeps its results at ``url``."""
    app = ProjectApp("tests", set_as_current=False)
    runtime = load_runtime(PROJECT, CelerySettings(redis_url=broker, celery_result_backend=url))
    attach(app, runtime)
    app.conf.update(celery_configuration(runtime, PROJECT.services[0]))
    return app


def refusal(url: str, broker: str) -> str:
    """Return what is said of results at ``url``, after the address."""
    with pytest.raises(SystemExit) as stopped:
        refuse_refusing_servers(results_at(url, broker))
    said, parts = str(stopped.value), urlsplit(url)
    start = f"error: CELERY_RESULT_BACKEND: the server at {parts.hostname}:{parts.port} "
    assert said.startswith(start)
    assert said.endswith(" and start this process again")
    assert len(said.splitlines()) == 1
    assert "Sesame" not in said
    return said.removeprefix(start)


@pytest.mark.parametrize(
    ("login", "database", "problem"),
    [
        ("", "99", "refuses the number of the database (DB index is out of range); correct "),
        ("guest:NotSesame@", "0", "refuses the name or the password; correct the variable"),
        ("nobody:Sesame@", "0", "refuses the name or the password; correct the variable"),
        ("silent:Sesame@", "0", "refuses the user a right that it needs ("),
        ("reader:Sesame@", "0", "refuses the user a right that it needs ("),
        ("guest:Sesame@", "0", "refuses the user a right that it needs ("),
    ],
)
def test_what_a_url_asks_in_vain_is_said(login: str, database: str, problem: str, url: str) -> None:
    address = urlsplit(url).netloc
    assert refusal(f"redis://{login}{address}/{database}", url).startswith(problem)


def test_encryption_on_one_side_only_is_said(url: str) -> None:
    assert refusal(url.replace("redis://", "rediss://"), url).startswith("speaks no TLS; begin the URL with redis://")
    with tls_proxy(urlsplit(url).port or 0, trustme.CA()) as port:
        assert refusal(f"redis://localhost:{port}/0", url).startswith("speaks TLS; begin the URL with rediss://")
        assert refusal(f"rediss://localhost:{port}/0", url).startswith("shows a certificate that is not trusted (")


def test_what_may_heal_is_no_refusal(url: str) -> None:
    refuse_refusing_servers(results_at(f"redis://127.0.0.1:{free_port()}/0", url))
    with redis_client(CelerySettings(), url) as client:
        client.replicaof("127.0.0.1", "1")
        refuse_refusing_servers(results_at(url, url))
        client.replicaof("NO", "ONE")
        client.config_set("maxmemory", "1")
        refuse_refusing_servers(results_at(url, url))
        client.config_set("maxmemory", "0")
