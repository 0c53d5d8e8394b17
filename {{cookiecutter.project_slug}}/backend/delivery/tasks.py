"""Tasks that look after this service's outbox and keys; the schedule starts them, or ``make task``."""

from celery import shared_task
from django.db import OperationalError
from trinity_celery.contracts import sending
from trinity_celery.worker import retry_on

from config.transactions import database

RETRY = retry_on(OperationalError)


@shared_task(**RETRY)
def relay_outbox() -> int:
    """Send what could not be sent when its transaction was committed."""
    return sending.relay_outbox(database)


@shared_task(**RETRY)
def purge_keys() -> int:
    """Forget keys so old that nobody sends the same again."""
    return database.purge_keys()
