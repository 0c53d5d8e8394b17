"""Encrypted connections to Redis: certificates are verified, by a private authority if one is named."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from trinity_celery.testing.redis import private_redis
from trinity_celery.testing.tls_proxy import tls_proxy

from devtools.stack import ROOT, procfile, running_stack
from devtools.web_services import WEB_SERVICES
from shared.queues import PROJECT
from tests.conftest import STACK_ENVIRONMENT


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a server listens that knows no encryption."""
    with private_redis(tmp_path_factory.mktemp("redis")) as url:
        yield int(urlsplit(url).port or 0)


@pytest.fixture(scope="module")
def encrypted(port: int, authority: trustme.CA) -> Iterator[str]:
    """The URL of the server, encrypted."""
    with tls_proxy(port, authority) as proxy:
        yield f"rediss://localhost:{proxy}/0"


def check_servers(url: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trinity_celery", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "REDIS_URL": url, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_everything_works_over_verified_connections(encrypted: str, ca_file: Path) -> None:
    extra = {"REDIS_URL": encrypted, "CELERY_BROKER_URL": encrypted, "TLS_CA_FILE": str(ca_file)}
    # No monitor: it asks workers for their settings, and Celery then warns of the URL, whatever the connection does.
    celery = {name for name in procfile() if name.startswith("celery-")}
    used = {"release", *celery, *(service.process for service in WEB_SERVICES)}
    with running_stack(extra={**STACK_ENVIRONMENT, **extra}, only=used) as stack:
        for service in WEB_SERVICES:
            for queue in PROJECT.queue_names():
                assert stack.finished(stack.post(service, f"/queues/{queue}/ping"))["state"] == "succeeded"
            for example in service.examples:
                assert stack.finished(stack.post(service, example.path, example.body))["state"] == "succeeded"
        stack.check()
        for name in used - {"release"}:
            assert "insecure" not in stack.log(name).read_text()
