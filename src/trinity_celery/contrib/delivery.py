"""What a service does to have its messages sent after the commit, and its effects happen once."""

from collections.abc import Callable
from typing import Any

from trinity_celery.config import Service
from trinity_celery.contracts.sending import relay_outbox
from trinity_celery.transactions import Database, install
from trinity_celery.worker import retry_on


def install_delivery(
    decorate: Callable[..., Any], service: Service, database: Database, *retried: type[Exception]
) -> None:
    """Let what this process sends wait for ``database``, and make the tasks that look after its outbox and keys.

    The tasks are ``PACKAGE.delivery.tasks.relay_outbox`` and ``PACKAGE.delivery.tasks.purge_keys``: with the package of
    the service, so that they have its routes. Schedules and messages hold these names.

    Args:
        decorate: makes tasks: ``shared_task``, or the ``task`` of an app.
        service: whose database it is.
        database: where the outbox and the keys are.
        retried: what the driver raises while the database is away.
    """

    def relay() -> int:
        """Send what could not be sent when its transaction was committed."""
        return relay_outbox(database)

    def purge() -> int:
        """Forget keys so old that nobody sends the same again."""
        return database.purge_keys()

    install(database)
    for name, function in {"relay_outbox": relay, "purge_keys": purge}.items():
        decorate(name=f"{service.delivery_tasks}.{name}", **retry_on(*retried))(function)
