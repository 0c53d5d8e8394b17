"""How messages go from contracts to the broker: at once, or by way of an outbox."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from celery import Celery, current_task
from celery.utils.log import get_logger

from trinity_celery._compat.celery import process_app
from trinity_celery.brokers.base import Broker
from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.project import Project
from trinity_celery.connections.timeouts import DEADLINE
from trinity_celery.errors import BrokerUnavailableError, PartlySentError, QueueFullError, UnsendableError
from trinity_celery.messages.envelope import send_by_celery
from trinity_celery.messages.message import Message
from trinity_celery.transactions.database import Database
from trinity_celery.transactions.outbox import relay, write_down

logger = get_logger(__name__)


def sending_app(project: Project | None = None) -> Celery:
    """Return the app through which this process sends: the last one that was configured.

    Args:
        project: whose app that should be, to say what to import where there is none.

    Raises:
        RuntimeError: none was.
    """
    app = process_app()
    if app.main == "default":  # Celery's own, which knows no broker
        module = project.services[0].celery_app if project else "the module that configures it"
        raise RuntimeError(f"no Celery app of this project is loaded here: import {module} first")
    return app


def send_now(app: Celery, messages: Sequence[Message]) -> None:
    """Send messages at once; inside a task, as Celery sends them."""
    if not current_task:
        publish(app, messages)
        return
    # Nobody waits for an answer in a worker, where Celery also has to know which task this one came from; and a task
    # is not stopped half way by a full queue.
    for message in messages:
        send_by_celery(app, message)


def _broker(app: Celery) -> Broker:
    return find_broker(app.conf.broker_url)


@contextmanager
def _in_batches(broker: Broker, messages: Sequence[Message]) -> Iterator[Iterator[Sequence[Message]]]:
    """Hand out what is sent at once, part by part; an error then tells which parts were sent before."""
    begun = 0

    def parts() -> Iterator[Sequence[Message]]:
        nonlocal begun
        for begun in range(0, len(messages), broker.batch):
            yield messages[begun : begun + broker.batch]

    try:
        yield parts()
    except BrokerUnavailableError as error:
        if not begun:
            raise
        raise PartlySentError(error, [each.task_id for each in messages[:begun]], len(messages)) from error


def publish(app: Celery, messages: Sequence[Message]) -> None:
    """Send what contracts have prepared, each part of many within ``DEADLINE``.

    Raises:
        BrokerUnavailableError: the broker did not take everything in time.
    """
    broker = _broker(app)
    with _in_batches(broker, messages) as parts:
        for part in parts:
            broker.publish(app, part)


async def publish_async(app: Celery, messages: Sequence[Message]) -> None:
    """Do the same without blocking the event loop."""
    broker = _broker(app)
    with _in_batches(broker, messages) as parts:
        for part in parts:
            await broker.publish_async(app, part)


def send_through_outbox(app: Celery, database: Database, messages: Sequence[Message]) -> None:
    """Write messages into the outbox of ``database``, to be sent when its transaction has been committed."""
    with database.transaction():
        for message in messages:
            write_down(database, message)
        database.after_commit(partial(_empty_outbox, database, app))


def _empty_outbox(database: Database, app: Celery) -> None:
    """Send what waits, this transaction's messages among it; what cannot be sent now is left to a relay."""
    try:
        relay_outbox(database, app, seconds=DEADLINE)
    except Exception as error:  # the commit has succeeded, and nothing that goes wrong now may look as if it had not
        logger.warning("%s: messages stay in the outbox: %s", database.prefix, error)


def relay_outbox(database: Database, app: Celery | None = None, *, seconds: float = float("inf")) -> int:
    """Send what waits in the outbox of ``database``, in the order in which it was written.

    Several relays may run at the same time. A message that cannot be sent for a reason of its own, such as a full
    queue, stays, is logged each time, and holds up no other.

    Args:
        database: where the outbox is.
        app: the Celery app through which to send; by default this process's.
        seconds: when to begin no further message.

    Returns:
        how many messages were sent.

    Raises:
        BrokerUnavailableError: the broker did not take a message in time; the rest waits.
        RuntimeError: no app is given, and none was configured in this process.
    """
    celery_app = app or sending_app()

    def send(message: Message) -> None:
        try:
            publish(celery_app, [message])
        except QueueFullError as error:  # which must not hold up what is for other queues
            raise UnsendableError(str(error)) from error

    return relay(database, send, unavailable=BrokerUnavailableError, seconds=seconds)
