"""Both services on a real PostgreSQL: ``DATABASE_URL`` alone moves them there."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import OTHER_PYTHON, run, run_and_leave_nothing
from tests.conftest import Bake


def postgresql(program: str) -> list[str]:
    """Return the command that runs one of PostgreSQL's programs, which refuse to run as root."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    path = str(found[-1]) if found else shutil.which(program)
    assert path, f"needs PostgreSQL's {program} (Debian: apt-get install postgresql)"
    return ["runuser", "-u", "postgres", "--", path] if os.geteuid() == 0 else [path]


@contextmanager
def private_postgresql(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server of our own while the context is open, and yield its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if os.geteuid() == 0:
        # The folder is reached through folders that only root may enter.
        folder = Path(f"/var/tmp/{folder.name}-{port}")
        folder.mkdir()
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"

    def run(*command: str) -> None:
        # Its output goes nowhere, since the server inherits it and would keep a pipe open.
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run(*postgresql("initdb"), "--auth=trust", "--username=shop", str(data))
    run(*postgresql("pg_ctl"), "--wait", "-D", str(data), "-l", str(folder / "log"), "-o", options, "start")
    try:
        run(*postgresql("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "shop", "shop")
        yield f"postgres://shop@127.0.0.1:{port}/shop"
    finally:
        run(*postgresql("pg_ctl"), "--wait", "-m", "fast", "-D", str(data), "stop")
        shutil.rmtree(folder)


# Trust nobody any more; the server's files are its own, so it writes this one itself.
REQUIRE_PASSWORD = """\
ALTER ROLE shop PASSWORD 'right';
SELECT current_setting('hba_file') AS file \\gset
COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO :'file';
SELECT pg_reload_conf();
"""


@pytest.mark.slow
def test_django_runs_on_postgresql(bake: Bake, tmp_path: Path) -> None:
    project = shutil.copytree(
        bake(use_fastapi=False, use_flower=False, beat_scheduler="database"), tmp_path / "project"
    )
    with private_postgresql(tmp_path / "postgresql") as url:
        run_and_leave_nothing(["make", f"PYTHON={OTHER_PYTHON}", "setup"], project)
        command = [".venv/bin/python", "-m", "pytest", "-q", "tests/django", "tests/test_delivery.py"]
        said = run_and_leave_nothing(command, project, DATABASE_URL=url)
        assert " passed" in said
        # The tables lie in this database, so it was PostgreSQL that the services used.
        query = ["psql", url.replace("postgres:", "postgresql:"), "-Atc", "SELECT count(*) FROM platform_report"]
        counted = subprocess.run(query, capture_output=True, text=True, check=True)
        assert int(counted.stdout) > 0


@pytest.mark.slow
def test_both_services_run_on_one_postgresql(bake: Bake, tmp_path: Path) -> None:
    """Where rows are locked: two relays, two deliveries and two processes that make tables, at the same time."""
    project = shutil.copytree(bake(use_flower=False), tmp_path / "project")
    with private_postgresql(tmp_path / "postgresql") as url:
        run_and_leave_nothing(["make", f"PYTHON={OTHER_PYTHON}", "setup"], project)
        command = [".venv/bin/python", "-m", "app.create_tables"]
        made = [subprocess.Popen(command, cwd=project, env={**os.environ, "DATABASE_URL": url}) for _ in range(4)]
        assert [process.wait() for process in made] == [0] * 4
        # By themselves: the whole stack that other tests start would relay what waits in the one database.
        for tests in (["tests/fastapi", "tests/django/test_after_commit.py"], ["tests/test_outbox.py"]):
            said = run_and_leave_nothing([".venv/bin/python", "-m", "pytest", "-q", *tests], project, DATABASE_URL=url)
            assert " passed" in said


@pytest.mark.slow
def test_refused_login_is_told_in_one_line(bake: Bake, tmp_path: Path) -> None:
    project = shutil.copytree(bake(use_fastapi=False, use_flower=False, beat_scheduler="none"), tmp_path / "project")
    run_and_leave_nothing(["make", f"PYTHON={OTHER_PYTHON}", "setup"], project)

    def migrate(url: str) -> subprocess.CompletedProcess[str]:
        return run([".venv/bin/python", "manage.py", "migrate"], project, DATABASE_URL=url)

    with private_postgresql(tmp_path / "postgresql") as url:
        psql = ["psql", url.replace("postgres:", "postgresql:"), "-v", "ON_ERROR_STOP=1"]
        subprocess.run(psql, input=REQUIRE_PASSWORD, stdout=subprocess.DEVNULL, text=True, check=True)
        server = url.partition("@")[2].removesuffix("/shop")
        refuses = f'error: DATABASE_URL: the database at {server} refuses the login of user "shop": '
        done = migrate(f"postgres://shop:wrong@{server}/shop")
        password = "password authentication failed: use the password that it was created with"
        assert (done.returncode, done.stdout) == (1, f"{refuses}{password}\n")
        done = migrate(f"postgres://shop:right@{server}/missing")
        database = 'database "missing" does not exist: create it, or correct the variable'
        assert (done.returncode, done.stdout) == (1, f"{refuses}{database}\n")
        assert migrate(f"postgres://shop:right@{server}/shop").returncode == 0
