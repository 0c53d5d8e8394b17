"""What stands between a project and its production: secrets, and checks that refuse what cannot be right."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.redis import private_redis

from devtools.stack import ROOT

SECRET = re.compile(r"^(\w*(?:PASSWORD|SECRET|AUTH)\w*)=(.*)$", re.MULTILINE)


def run(module: str, *words: str, folder: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a module as make and Compose do."""
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``envs/prod.env`` and nothing else."""
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/prod.env").write_text((ROOT / "envs/prod.env").read_text())
    return tmp_path


def test_secrets_are_strong_and_kept_to_their_owner(folder: Path) -> None:
    said = run("devtools.write_secrets", folder=folder)
    assert said.returncode == 0, said.stderr
    written = folder / ".env.prod"
    assert written.stat().st_mode & 0o777 == 0o600
    secrets = dict(SECRET.findall(written.read_text()))
    assert set(secrets) == set(dict(SECRET.findall((ROOT / "envs/prod.env").read_text())))
    values = [value.removeprefix("admin:") for value in secrets.values()]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[\w-]{40,}", value) for value in values)
    assert not [value for value in values if value in said.stdout + said.stderr]
    assert all(name in said.stdout for name in secrets)


def test_secrets_that_are_there_stay(folder: Path) -> None:
    run("devtools.write_secrets", folder=folder)
    written = folder / ".env.prod"
    before = re.sub(r"^IMAGE=.*$", "IMAGE=registry.example/mine", written.read_text(), flags=re.MULTILINE)
    written.write_text(before)
    assert "every secret has a value already" in run("devtools.write_secrets", folder=folder).stdout
    assert written.read_text() == before


def test_new_variables_are_added(folder: Path) -> None:
    run("devtools.write_secrets", folder=folder)
    before = (folder / ".env.prod").read_text()
    with (folder / "envs/prod.env").open("a") as file:
        file.write("# A comment.\nPARTNER_PASSWORD=CHANGE_ME\nPARTNER_NAME=somebody\n")
    said = run("devtools.write_secrets", folder=folder).stdout
    after = (folder / ".env.prod").read_text()
    assert after.startswith(before)
    assert re.fullmatch(r"PARTNER_PASSWORD=[\w-]{40,}\nPARTNER_NAME=somebody\n", after.removeprefix(before))
    assert "PARTNER_PASSWORD" in said


def test_what_nobody_can_make_up_is_listed(folder: Path) -> None:
    done = run("devtools.write_secrets", folder=folder)
    assert re.search(r"^Still to fill in there: IMAGE", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("docker", "line"),
    [
        (None, "docker is not installed: "),
        ("echo 'permission denied while trying to connect' >&2; exit 1", "you may not use Docker: "),
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", "the Docker engine does not answer: start "),
        ("echo ' Server Version: 24.0.9'", "Docker Engine 25 or later is needed, and it is 24: "),
        ("[ $1 = info ] && exit; echo 2.23.3", "Docker Compose 2.24 or later is needed, and it is 2.23.3: "),
        ("[ $1 = info ] && exit; exit 1", "Docker Compose 2.24 or later is needed, and it is not installed: "),
    ],
)
def test_docker_that_cannot_be_used_is_said_in_one_line(docker: str | None, line: str, tmp_path: Path) -> None:
    if docker is not None:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{docker}\n")
        program.chmod(0o755)
    done = run("devtools.compose_up", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {line}")
    assert done.stderr.count("\n") == 1


def test_unknown_stack_is_refused_before_anything_is_done_to_another() -> None:
    command = ["make", "down", "STACK=production"]
    # As in a fresh shell: `make test` would have this make say where it is.
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "STACK is 'production': use dev or prod" in done.stderr


def test_every_placeholder_is_named() -> None:
    done = run("trinity_celery", "check", "--settings", REDIS_URL="redis://:CHANGE_ME@redis:6379/0", OTHER="CHANGE_ME")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{name}: still holds CHANGE_ME: put the real value there" for name in ("OTHER", "REDIS_URL")
    ]


def test_settings_without_placeholder_pass() -> None:
    assert run("trinity_celery", "check", "--settings", REDIS_URL="redis://redis:6379/0").returncode == 0


@pytest.fixture(scope="module")
def guarded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that wants a password, without one."""
    with private_redis(tmp_path_factory.mktemp("redis"), requirepass="right") as url:
        yield url


def test_servers_that_answer_pass(guarded_redis: str) -> None:
    done = run("trinity_celery", "check", REDIS_URL=guarded_redis.replace("://", "://:right@"))
    assert (done.returncode, done.stderr) == (0, "")


def test_wrong_password_is_said_in_one_line(guarded_redis: str) -> None:
    done = run("trinity_celery", "check", REDIS_URL=guarded_redis.replace("://", "://:wrong@"))
    assert done.returncode == 1
    assert [line.partition(" at ")[0] for line in done.stderr.splitlines()] == ["error: REDIS_URL: the server"]
    assert "password" in done.stderr
    assert "wrong@" not in done.stderr


def test_each_server_that_is_away_is_said_in_one_line() -> None:
    port, results = free_port(), free_port()
    url = "redis://127.0.0.1:{}/0"
    done = run("trinity_celery", "check", REDIS_URL=url.format(port), CELERY_RESULT_BACKEND=url.format(results))
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [f"127.0.0.1:{each}" in line for each, line in zip((port, results), lines, strict=True)] == [True, True]
    assert all(line.endswith("start it, or correct the variable") for line in lines)
