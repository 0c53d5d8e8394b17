"""Django's database as sending and idempotency use it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from celery import shared_task
from django.db import OperationalError, connection, transaction

from trinity_celery.config import Service
from trinity_celery.contrib import delivery
from trinity_celery.transactions import Database


class DjangoDatabase(Database):
    """The database that Django calls ``default``, with the tables of ``trinity_celery.contrib.django.delivery``."""

    placeholder = "%s"

    def __init__(self) -> None:
        super().__init__("backend")

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


database = DjangoDatabase()


def install_delivery(service: Service) -> None:
    """Let what this process sends wait for Django's transactions, and make the tasks that look after outbox and keys.

    Call it once, after ``configure``. The tasks are called ``PACKAGE.delivery.tasks.relay_outbox`` and
    ``PACKAGE.delivery.tasks.purge_keys``: put them into the schedule.

    Args:
        service: Django's, with whose package the names of its tasks begin.
    """
    delivery.install_delivery(shared_task, service, database, OperationalError)
