"""The connection to the database: bounded in time, and one line instead of a traceback when there is none."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.db.utils import OperationalError
from trinity_celery.contrib.django.database_settings import connection_problem, database_settings

from devtools.stack import ROOT

URL = "postgres://shop:secret@postgres/shop"
SERVER = 'connection failed: connection to server at "10.0.0.3", port 5432 failed: '

# What psycopg says, and what comes of it.
TEXTS = [
    (
        f"{SERVER}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
        "does not answer: Connection refused: start it, or correct the variable",
    ),
    ("connection timeout expired", "does not answer: connection timeout expired: start it, or correct the variable"),
    (
        "failed to resolve host 'postgres': [Errno -2] Name or service not known",
        "does not answer: Name or service not known: start it, or correct the variable",
    ),
    (
        f'{SERVER}FATAL:  password authentication failed for user "shop"',
        'refuses the login of user "shop": password authentication failed: use the password that it was created with',
    ),
    (
        f"{SERVER}fe_sendauth: no password supplied",
        'refuses the login of user "shop": no password supplied: use the password that it was created with',
    ),
    (
        f'{SERVER}FATAL:  role "shop" does not exist',
        'refuses the login of user "shop": role "shop" does not exist: use the user that it was created with',
    ),
    (
        f'{SERVER}FATAL:  database "shop" does not exist',
        'refuses the login of user "shop": database "shop" does not exist: create it, or correct the variable',
    ),
    (
        f"{SERVER}FATAL:  the database system is starting up",
        "refuses the connection: the database system is starting up: try again later, or correct the variable",
    ),
]


def manage(command: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env={"DATABASE_URL": url}, capture_output=True, text=True
    )


@pytest.mark.parametrize(("said", "told"), TEXTS)
def test_missing_connection_is_told_in_one_line(said: str, told: str) -> None:
    line = connection_problem(OperationalError(said), database_settings(URL, folder=ROOT))
    assert line == f"DATABASE_URL: the database at postgres:5432 {told}"


def test_socket_takes_the_place_of_a_host() -> None:
    said = 'connection is bad: connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory'
    line = connection_problem(OperationalError(said), database_settings("postgres:///shop", folder=ROOT))
    assert line is not None
    assert line.startswith("DATABASE_URL: the database at the local socket does not answer: No such file or directory:")


@pytest.mark.parametrize("said", ["no such table: shop", "canceling statement due to statement timeout"])
def test_other_errors_are_left_alone(said: str) -> None:
    assert connection_problem(OperationalError(said), database_settings(URL, folder=ROOT)) is None


def test_command_ends_in_one_line_when_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        done = manage("migrate", f"postgres://shop:secret@{address}/shop")
    assert done.returncode == 1
    problem = f"DATABASE_URL: the database at {address} does not answer: Connection refused"
    assert done.stderr == f"error: {problem}: start it, or correct the variable\n"


@pytest.mark.parametrize("option", ["sslmod=require", "sslmode=maybe", "connect_timeout=soon"])
def test_option_that_postgresql_does_not_know_is_refused_in_one_line(option: str) -> None:
    url = f"postgres://shop:Sesame@127.0.0.1:1/shop?{option}"
    done = manage("migrate", url)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: DATABASE_URL: ")
    assert option.split("=")[0] in line
    assert line.endswith(": correct what stands after '?'")
    assert "Sesame" not in line


def test_command_ends_in_one_line_when_the_file_cannot_be_opened(tmp_path: Path) -> None:
    done = manage("migrate", f"sqlite:///{tmp_path}/missing/db.sqlite3")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: DATABASE_URL: SQLite cannot open {tmp_path}/missing/db.sqlite3: make its")
    assert len(done.stderr.splitlines()) == 1


def test_missing_table_keeps_its_traceback(tmp_path: Path) -> None:
    done = manage("clearsessions", f"sqlite:///{tmp_path}/db.sqlite3")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("no such table: django_session\n")


def test_connecting_is_bounded_unless_the_url_says_otherwise() -> None:
    assert database_settings(URL, folder=ROOT)["OPTIONS"] == {"connect_timeout": 5}
    assert database_settings(f"{URL}?sslmode=require", folder=ROOT)["OPTIONS"] == {
        "connect_timeout": 5,
        "sslmode": "require",
    }
    assert database_settings(f"{URL}?connect_timeout=30", folder=ROOT)["OPTIONS"] == {"connect_timeout": 30}
    assert "connect_timeout" not in database_settings("sqlite:///db.sqlite3", folder=ROOT)["OPTIONS"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///db.sqlite3", f"{ROOT}/db.sqlite3"),
        ("sqlite:////var/lib/db.sqlite3", "/var/lib/db.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_file_lies_in_the_project_whatever_folder_a_command_is_started_in(url: str, name: str) -> None:
    assert database_settings(url, folder=ROOT)["NAME"] == name
