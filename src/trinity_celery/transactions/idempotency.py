"""Let an effect happen once, however often its task is sent or delivered.

A broker delivers a task again when the worker that had it died, and somebody may send the same work twice. An effect
that must not be repeated claims a key first; whoever comes second gets what the first run returned. Beside the key
stands a fingerprint of what was asked for: whoever asks for something else is refused, since neither the first answer
nor a second effect would be right.

``SqlKeys`` is for an effect in a database and is certain: key and effect are committed together or not at all.
``RedisKeys`` is for an effect elsewhere, such as a payment. No transaction spans two systems, so a crash between the
effect and its mark repeats the effect: hand the key on to the other side if it takes one.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from celery.utils.log import get_task_logger
from kombu.utils.encoding import bytes_to_str
from pydantic import BaseModel
from redis import Redis
from redis.exceptions import RedisError

from trinity_celery._compat.celery import AnyTask
from trinity_celery.connections.scripts import read_script
from trinity_celery.errors import InvalidKeyError, KeyHeldError, KeyReusedError
from trinity_celery.messages.payloads import payload_identity

HEADER = "idempotency_key"  # of a task's message
MAX_KEY_LENGTH = 200
KEEP = timedelta(days=7)  # how long a key is remembered

logger = get_task_logger(__name__)

Result = TypeVar("Result")


class Cursor(Protocol):
    """What is used of the cursor of a database's driver."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> Sequence[Any]: ...


Execute = Callable[[str, Sequence[object]], Cursor]


class Keys(Protocol):
    """Where the keys are kept."""

    def once(self, key: str, effect: Callable[[], Result], fingerprint: str | None = None) -> Result:
        """Run ``effect`` unless it was done under ``key``.

        Args:
            key: of the effect.
            effect: what must not be repeated; it returns plain JSON data.
            fingerprint: of what is asked for, such as ``fingerprint_of(task)``; without one nothing is compared.

        Returns:
            what the first run of ``effect`` under this key returned.

        Raises:
            KeyReusedError: the first run was asked for something else.
        """


def fingerprint(asked: object) -> str:
    """Return a hash from which what was asked for cannot be read.

    Neither the order of fields counts nor whether a default is spelt out, so that a field with a default may be added
    to a model while keys are remembered.

    Args:
        asked: a model, or JSON data.
    """
    if isinstance(asked, BaseModel):
        asked = asked.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def request_key(value: str | None, *, endpoint: str, caller: str) -> str | None:
    """Return the key of an HTTP request, apart from those of other endpoints and callers; ``None`` if it has none.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

    Args:
        value: what the client sent as ``Idempotency-Key``.
        endpoint: the method and the path.
        caller: who is asking, such as the id of a user; it cannot be read from the key.

    Raises:
        InvalidKeyError: the value is empty, too long, or not printable ASCII.
    """
    if value is None:
        return None
    if not (0 < len(value) <= MAX_KEY_LENGTH and value.isascii() and value.isprintable()):
        raise InvalidKeyError(f"Idempotency-Key: must be 1 to {MAX_KEY_LENGTH} printable ASCII characters")
    return f"request:{fingerprint([endpoint, caller, value])}"


def key_of(task: AnyTask) -> str:
    """Return the key of a running task: the one it was sent with, else its id.

    With the id, a delivery that is repeated has its effect once, and each sending its own. Keys of different tasks are
    different.

    Args:
        task: the task's ``self``. Called directly, as in a test, it has a new key each time.
    """
    headers = task.request.headers or {}
    return f"{task.name}:{headers.get(HEADER) or task.request.id or uuid4()}"


def fingerprint_of(task: AnyTask) -> str | None:
    """Return the fingerprint of what a running task was asked to do: its contract's key, else all its arguments.

    Args:
        task: the task's ``self``. Called directly, it has none, as its key is a new one.
    """
    request = task.request
    return (
        None
        if request.called_directly
        else fingerprint(payload_identity(task, request.args or (), request.kwargs or {}))
    )


def _compare(key: str, first: str | None, asked: str | None) -> None:
    if first and asked and first != asked:
        raise KeyReusedError(key)


class SqlKeys:
    """Keys in a table, claimed in the transaction that also holds the effect.

    A second claim waits until that transaction has ended: committed, it returns the result; rolled back, or lost in a
    crash, the key is free. If the effect raises, roll the transaction back. Works with PostgreSQL and SQLite.

    Args:
        execute: runs a statement in the caller's transaction and returns its cursor, such as a connection's
            ``execute`` in ``sqlite3`` and ``psycopg``.
        table: its name; ``create_table`` shows the columns.
        placeholder: how the driver marks a parameter.
    """

    def __init__(self, execute: Execute, table: str, placeholder: str = "?") -> None:
        self._execute = execute
        self._table = table
        self._placeholder = placeholder

    def create_table(self) -> None:
        """Make the table unless it is there, for whoever has no migrations."""
        columns = (
            "key varchar(500) PRIMARY KEY, fingerprint varchar(64), result text, "
            "created_at timestamp with time zone NOT NULL"
        )
        self._execute(f"CREATE TABLE IF NOT EXISTS {self._table} ({columns})", ())

    def once(self, key: str, effect: Callable[[], Result], fingerprint: str | None = None) -> Result:
        """Run ``effect`` unless it was done under ``key``.

        Args:
            key: of the effect; at most 500 characters.
            effect: what must not be repeated; it returns plain JSON data.
            fingerprint: of what is asked for, such as ``fingerprint_of(task)``; without one nothing is compared.

        Returns:
            what the first run of ``effect`` under this key returned.

        Raises:
            KeyReusedError: the first run was asked for something else.
        """
        mark = self._placeholder
        values = f"VALUES ({mark}, {mark}, CURRENT_TIMESTAMP) ON CONFLICT (key) DO NOTHING"
        insert = f"INSERT INTO {self._table} (key, fingerprint, created_at) {values}"
        if not self._execute(insert, (key, fingerprint)).rowcount:
            query = f"SELECT fingerprint, result FROM {self._table} WHERE key = {mark}"
            first, kept = self._execute(query, (key,)).fetchone()
            _compare(key, first, fingerprint)
            known: Result = json.loads(kept)
            return known
        result = effect()
        self._execute(f"UPDATE {self._table} SET result = {mark} WHERE key = {mark}", (json.dumps(result), key))
        return result

    def purge(self, older_than: timedelta = KEEP) -> int:
        """Forget old keys: what was done under them may be done again.

        Args:
            older_than: the age from which on a key is old; by default seven days.

        Returns:
            how many were forgotten.
        """
        limit = (datetime.now(UTC) - older_than).strftime("%Y-%m-%d %H:%M:%S+00:00")
        done = self._execute(f"DELETE FROM {self._table} WHERE created_at < {self._placeholder}", (limit,))
        return int(done.rowcount)


FINISH = read_script("trinity_celery.transactions", "finish_effect")
RELEASE = read_script("trinity_celery.transactions", "release_claim")
HELD = "held:"
DONE = "done:"
ASKED = "\n"  # before the fingerprint; what JSON becomes has no line breaks


class RedisKeys:
    """Keys in Redis, for effects outside the database. A claim is a lease: it ends by itself when its holder died.

    Args:
        client: of the server that keeps the keys; it must not evict them.
        project: the project's name, with which the names of the keys begin.
        lease: of which length, above what the effect can take at most, else two may be at work at the same time. A
            task's hard time limit is a safe choice.
        keep: how long it is remembered what was done; by default seven days.
    """

    def __init__(self, client: Redis, project: str, lease: timedelta, keep: timedelta = KEEP) -> None:
        self._client = client
        self._project = project
        self._lease = lease
        self._keep = keep

    def once(self, key: str, effect: Callable[[], Result], fingerprint: str | None = None) -> Result:
        """Run ``effect`` unless it was done under ``key``.

        Args:
            key: of the effect.
            effect: what must not be repeated; it returns plain JSON data.
            fingerprint: of what is asked for, such as ``fingerprint_of(task)``; without one nothing is compared.

        Returns:
            what the first run of ``effect`` under this key returned.

        Raises:
            KeyReusedError: the first run was asked for something else.
            KeyHeldError: somebody else has claimed the key and is not done.
            redis.RedisError: Redis cannot be reached.
            Exception: whatever ``effect`` raises; the key is free then.
        """
        name, asked = f"{self._project}:idempotency:{key}", f"{ASKED}{fingerprint}" if fingerprint else ""
        claim = f"{HELD}{uuid4()}{asked}"
        if not self._client.set(name, claim, nx=True, px=self._lease):
            known: Result = self._result(name, key, fingerprint)
            return known
        try:
            result = effect()
        except BaseException:
            with suppress(RedisError):
                self._client.eval(RELEASE, 1, name, claim)
            raise
        done = f"{DONE}{json.dumps(result)}{asked}"
        if not self._client.eval(FINISH, 1, name, claim, done, str(int(self._keep.total_seconds()))):
            logger.warning("%s: took longer than its lease of %s: another run may have begun", key, self._lease)
        return result

    def _result(self, name: str, key: str, fingerprint: str | None) -> Any:
        stored = self._client.get(name)
        text, _, first = (bytes_to_str(stored) if stored else "").partition(ASKED)
        _compare(key, first, fingerprint)
        if text.startswith(DONE):
            return json.loads(text.removeprefix(DONE))
        left = self._client.pttl(name)
        raise KeyHeldError(key, max(left, 0) / 1000)
