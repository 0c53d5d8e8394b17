"""What the tasks really did, in an SQLite database of the run, so that no broker is its own witness."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trinity_celery.transactions import SqlKeys

VARIABLE = "CHAOS_LEDGER"  # where the tasks find it
CLAIMS = "claims"

# `effects` is without a guard on purpose: a second row for a task is an effect that came twice.
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE runs (task TEXT NOT NULL, process INTEGER NOT NULL, started REAL NOT NULL);
CREATE TABLE effects (task TEXT NOT NULL, done REAL NOT NULL);
CREATE TABLE firings (task TEXT NOT NULL, sender TEXT NOT NULL, fired REAL NOT NULL);
CREATE INDEX runs_task ON runs (task);
"""


@contextmanager
def transaction(path: str | Path | None = None) -> Iterator[sqlite3.Connection]:
    """Open the database for one transaction.

    Raises:
        sqlite3.OperationalError: it is away.
    """
    place = path or os.environ[VARIABLE]
    # "rw": a database that is away must not be made anew.
    connection = sqlite3.connect(f"file:{place}?mode=rw", uri=True, timeout=30, isolation_level=None)
    with closing(connection):
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")


def note_run(task: str) -> int:
    """Write down that ``task`` has begun, and return how often it has by now."""
    with transaction() as connection:
        connection.execute("INSERT INTO runs VALUES (?, ?, ?)", (task, os.getpid(), time.time()))
        return int(connection.execute("SELECT count(*) FROM runs WHERE task = ?", (task,)).fetchone()[0])


def take_effect(task: str, *, guarded: bool = True) -> None:
    """Let ``task`` have its effect, unless it had it: the project's own helper claims the task's name for it."""
    with transaction() as connection:

        def effect() -> None:
            connection.execute("INSERT INTO effects VALUES (?, ?)", (task, time.time()))

        if guarded:
            SqlKeys(connection.execute, CLAIMS).once(task, effect)
        else:
            effect()


def note_firing(task: str, sender: str) -> None:
    """Write down that ``sender`` has sent ``task`` because the schedule said so."""
    with transaction() as connection:
        connection.execute("INSERT INTO firings VALUES (?, ?, ?)", (task, sender, time.time()))


@dataclass(frozen=True)
class Counts:
    """What became of some tasks; ``begun`` and ``done`` hold their names."""

    runs: int
    begun: frozenset[str]
    effects: int
    done: frozenset[str]


class Ledger:
    """The database, as the harness sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "ledger.sqlite3"
        folder.mkdir()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(SCHEMA)
            SqlKeys(connection.execute, CLAIMS).create_table()
            connection.commit()

    def _rows(self, query: str, *arguments: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=30)) as connection:
            return connection.execute(query, arguments).fetchall()

    def counts(self, batch: str) -> Counts:
        """Return what became of the tasks whose names begin with ``batch``."""
        begun = [task for (task,) in self._rows("SELECT task FROM runs WHERE task GLOB ?", f"{batch}*")]
        done = [task for (task,) in self._rows("SELECT task FROM effects WHERE task GLOB ?", f"{batch}*")]
        return Counts(len(begun), frozenset(begun), len(done), frozenset(done))

    def totals(self, batch: str) -> tuple[int, int]:
        """Return how many runs and how many effects there are of the tasks whose names begin with ``batch``."""
        query = "SELECT (SELECT count(*) FROM runs WHERE task GLOB ?), (SELECT count(*) FROM effects WHERE task GLOB ?)"
        runs, effects = self._rows(query, f"{batch}*", f"{batch}*")[0]
        return runs, effects

    def starts(self, batch: str) -> list[tuple[str, float]]:
        """Return each run with the time when it began, oldest first."""
        return self._rows("SELECT task, started FROM runs WHERE task GLOB ? ORDER BY started", f"{batch}*")

    def ends(self, batch: str) -> list[tuple[str, float]]:
        """Return each effect with its time, oldest first."""
        return self._rows("SELECT task, done FROM effects WHERE task GLOB ? ORDER BY done", f"{batch}*")

    def firings(self, batch: str) -> list[tuple[str, str, float]]:
        """Return the scheduled tasks with who sent them and when, oldest first."""
        return self._rows("SELECT * FROM firings WHERE task GLOB ? ORDER BY fired", f"{batch}*")
