"""Django's database as sending and idempotency use it; ``config.celery`` installs it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.db import connection, transaction
from trinity_celery.transactions import Database


class DjangoDatabase(Database):
    """The database that Django calls ``default``."""

    placeholder = "%s"

    @property
    def is_postgresql(self) -> bool:
        """Whether rows can be locked."""
        return connection.vendor == "postgresql"

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in the transaction that is open, and return its cursor."""
        cursor = connection.cursor()
        cursor.execute(statement, parameters)
        return cursor

    def transaction(self) -> AbstractContextManager[Any]:
        """Open what ``django.db.transaction.atomic`` opens."""
        return transaction.atomic()

    def in_transaction(self) -> bool:
        """Return whether the code runs in an ``atomic`` block."""
        return connection.in_atomic_block

    def after_commit(self, call: Callable[[], Any]) -> None:
        """Call ``call`` when the outermost ``atomic`` block has been committed."""
        transaction.on_commit(call)


database = DjangoDatabase("backend")
