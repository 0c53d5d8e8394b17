"""What sending and idempotency need of a service's database. Each service describes its own and installs it here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from trinity_celery._compat.celery import AnyTask
from trinity_celery.transactions.idempotency import KEEP, Cursor, Result, SqlKeys, fingerprint, fingerprint_of, key_of


class Database(ABC):
    """A service's database: PostgreSQL, or SQLite on a laptop.

    Attributes:
        prefix: what the names of the service's tables begin with, as two services may share one database.

    Args:
        prefix: the same.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    @property
    @abstractmethod
    def is_postgresql(self) -> bool:
        """Whether rows can be locked."""

    @property
    @abstractmethod
    def placeholder(self) -> str:
        """How the driver marks a parameter."""

    @abstractmethod
    def execute(self, statement: str, parameters: Sequence[object] = ()) -> Cursor:
        """Run a statement in the transaction that is open.

        Args:
            statement: in SQL, with ``placeholder`` where a parameter belongs.
            parameters: in their order.

        Returns:
            its cursor.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Open a transaction, or a savepoint within the one that is open.

        Returns:
            a context that commits at its end, and rolls back on an error.
        """

    @abstractmethod
    def in_transaction(self) -> bool:
        """Return whether a transaction is open here."""

    @abstractmethod
    def after_commit(self, call: Callable[[], object]) -> None:
        """Call something when the transaction that is open has been committed; forget it if that is rolled back.

        Args:
            call: takes no arguments.
        """

    @property
    def keys(self) -> SqlKeys:
        """The keys of effects in this database."""
        return SqlKeys(self.execute, f"{self.prefix}_idempotency_key", self.placeholder)

    def once(self, task: AnyTask, effect: Callable[[], Result]) -> Result:
        """Run ``effect`` in a transaction, once for the key of a task.

        Everything that ``effect`` writes to this database, and the tasks that it sends, belong to the transaction.

        Args:
            task: a bound task's ``self``; ``key_of`` returns its key.
            effect: what must not be repeated; it returns plain JSON data, like a task.

        Returns:
            what the first run of ``effect`` under this key returned.

        Raises:
            KeyReusedError: the task was sent with a key, or an id, under which something else was done.
        """
        with self.transaction():
            return self.keys.once(key_of(task), effect, fingerprint_of(task))

    def once_for(self, key: str | None, asked: object, effect: Callable[[], Result]) -> Result:
        """Run ``effect`` in a transaction, once for the key of a request.

        A request that is repeated meanwhile waits for the first one. Tasks that ``effect`` sends belong to the
        transaction if their contract has an outbox. Use no other: the key would be kept though the task was not sent.

        Args:
            key: what ``request_key`` returned; with ``None``, ``effect`` runs each time.
            asked: the payload of the request, a model or JSON data.
            effect: what must not be repeated; it returns plain JSON data.

        Returns:
            what the first run of ``effect`` under this key returned.

        Raises:
            KeyReusedError: the key was used for another payload.
        """
        with self.transaction():
            return self.keys.once(key, effect, fingerprint(asked)) if key else effect()

    def purge_keys(self, older_than: timedelta = KEEP) -> int:
        """Forget old keys: what was done under them may be done again.

        Args:
            older_than: the age from which on a key is old; by default seven days.

        Returns:
            how many were forgotten.
        """
        with self.transaction():
            return self.keys.purge(older_than)


_installed: list[Database] = []


def install(database: Database) -> None:
    """Let tasks that this process sends wait for the transactions of a database.

    Args:
        database: of this process's service. Of several, the first one keeps the outbox.
    """
    _installed.append(database)


def open_database() -> Database | None:
    """Return the database with an open transaction here, or ``None``."""
    return next((database for database in _installed if database.in_transaction()), None)


def any_database() -> Database | None:
    """Return the same, and without an open transaction this process's first database."""
    return open_database() or next(iter(_installed), None)
