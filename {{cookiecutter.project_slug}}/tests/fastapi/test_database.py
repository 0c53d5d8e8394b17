"""The connection to the database: where it goes, bounded in time, and one line when there is none."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect
from trinity_celery.contrib.fastapi.database_settings import connect_options, database_url

from app.database import Base, database, engine, transaction
from devtools.stack import ROOT


def python(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env={"DATABASE_URL": url}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgres://shop:secret@db.example:5432/shop", "postgresql+psycopg://shop:secret@db.example:5432/shop"),
        ("postgresql://db.example/shop?sslmode=require", "postgresql+psycopg://db.example/shop?sslmode=require"),
        ("sqlite:///db.sqlite3", f"sqlite:///{ROOT}/db.sqlite3"),
        ("sqlite:////var/lib/db.sqlite3", "sqlite:////var/lib/db.sqlite3"),
        ("sqlite:///:memory:", "sqlite:///%3Amemory%3A"),
    ],
)
def test_url_chooses_the_driver(url: str, name: str) -> None:
    assert database_url(url, folder=ROOT).render_as_string(hide_password=False) == name


@pytest.mark.parametrize("url", ["mysterydb://x", "mysql://h/x", "postgres:x", "nonsense"])
def test_url_of_nothing_known_is_refused_in_one_line(url: str) -> None:
    done = python("-m", "app.create_tables", url=url)
    assert done.returncode == 1
    assert done.stderr == "DATABASE_URL: is not a database URL: use postgres://... or sqlite:///file\n"


def test_url_with_a_password_that_is_not_encoded_is_refused_in_one_line() -> None:
    done = python("-m", "app.create_tables", url="postgres://shop:pa:ss/word@h/shop")
    assert done.returncode == 1
    assert done.stderr.startswith("DATABASE_URL: holds '@', '/' or '?' in name or password: percent-encode name")
    assert len(done.stderr.splitlines()) == 1


def test_command_ends_in_one_line_when_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        done = python("-m", "app.create_tables", url=f"postgres://shop:secret@{address}/shop")
    assert done.returncode == 1
    problem = f"DATABASE_URL: the database at {address} does not answer: Connection refused"
    assert done.stderr == f"error: {problem}: start it, or correct the variable\n"


@pytest.mark.parametrize("option", ["sslmod=require", "sslmode=maybe", "connect_timeout=soon"])
def test_option_that_postgresql_does_not_know_is_refused_in_one_line(option: str) -> None:
    url = f"postgres://shop:Sesame@127.0.0.1:1/shop?{option}"
    done = python("-m", "app.create_tables", url=url)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: DATABASE_URL: ")
    assert option.split("=")[0] in line
    assert line.endswith(": correct what stands after '?'")
    assert "Sesame" not in line


def test_command_ends_in_one_line_when_the_file_cannot_be_opened(tmp_path: Path) -> None:
    file = f"{tmp_path}/missing/db.sqlite3"
    done = python("-m", "app.create_tables", url=f"sqlite:///{file}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: DATABASE_URL: SQLite cannot open {file}: make its folder")
    assert len(done.stderr.splitlines()) == 1


def test_connecting_is_bounded_and_nothing_is_prepared() -> None:
    """A statement that was prepared on one connection of a pooler is unknown on the next."""
    url = "postgres://db.example/shop"
    assert connect_options(database_url(url, folder=ROOT)) == {"connect_timeout": 5, "prepare_threshold": None}
    assert connect_options(database_url(f"{url}?connect_timeout=30", folder=ROOT)) == {"prepare_threshold": None}


def test_every_table_of_this_service_says_so() -> None:
    """Another service may use the same database."""
    tables = set(Base.metadata.tables)
    assert {"app_outbox", "app_idempotency_key"} <= tables <= set(inspect(engine()).get_table_names())
    assert [name for name in tables if not name.startswith("app_")] == []


def test_statement_needs_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="no transaction is open"):
        database.execute("SELECT 1")
    with transaction():
        assert database.execute("SELECT 1").fetchone()[0] == 1
