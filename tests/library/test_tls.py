"""Encrypted connections to Redis: certificates are verified, by a private authority if one is named."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from redis.exceptions import ConnectionError

from tests.library.harness import SHOP
from tests.matrix import ROOT
from trinity_celery.config import CelerySettings, load
from trinity_celery.connections import redis_client
from trinity_celery.testing.redis import private_redis
from trinity_celery.testing.tls_proxy import tls_proxy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="module")
def other_ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("other") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
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
        env={"PATH": os.environ["PATH"], "REDIS_URL": url, **SHOP, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_authority_that_is_known_passes(encrypted: str, ca_file: Path) -> None:
    done = check_servers(encrypted, TLS_CA_FILE=str(ca_file))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("known", ["another authority", "those of this machine"])
def test_authority_that_is_not_known_is_refused(known: str, encrypted: str, other_ca_file: Path) -> None:
    done = check_servers(encrypted, TLS_CA_FILE=str(other_ca_file) if known == "another authority" else "")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: REDIS_URL: the server at localhost:")
    assert " shows a certificate that is not trusted (" in line
    assert line.endswith("; correct the variable or TLS_CA_FILE and start this process again")


def test_certificate_of_another_host_is_refused(port: int, authority: trustme.CA, ca_file: Path) -> None:
    with tls_proxy(port, authority, host="elsewhere.example") as proxy:
        done = check_servers(f"rediss://localhost:{proxy}/0", TLS_CA_FILE=str(ca_file))
    assert done.returncode == 1
    assert done.stderr.count("Hostname mismatch, certificate is not valid for 'localhost'") == 1


def test_own_clients_verify_too(
    encrypted: str, ca_file: Path, other_ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", encrypted)
    monkeypatch.setenv("TLS_CA_FILE", str(ca_file))
    assert redis_client(CelerySettings()).ping()
    monkeypatch.setenv("TLS_CA_FILE", str(other_ca_file))
    with pytest.raises(ConnectionError, match="certificate verify failed"):
        redis_client(CelerySettings()).ping()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_file_without_certificate_is_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    monkeypatch.setenv("TLS_CA_FILE", str(file))
    with pytest.raises(SystemExit, match=f"TLS_CA_FILE: '{file}' holds no certificate in PEM form: ") as stopped:
        load(CelerySettings)
    assert "\n" not in str(stopped.value)
