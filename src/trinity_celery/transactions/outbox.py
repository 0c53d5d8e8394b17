"""Messages that are written in a transaction, and sent when it has been committed: at once, or as soon as it works.

A broker that is away, or a process that dies after the commit, loses nothing: the message is a row beside the data
that it is about. A relay deletes the row, sends the message and commits, so that a crash in between sends it again,
under the same task id. Make what the task does idempotent (``trinity_celery/transactions/idempotency.py``).
https://microservices.io/patterns/data/transactional-outbox.html

Written here because no library fits: those for Celery replace the app's class and know one web framework, the others
bring a broker, or a process, of their own.
"""

from collections.abc import Callable
from time import monotonic

from celery.utils.log import get_task_logger

from trinity_celery.errors import UnsendableError
from trinity_celery.messages.message import Message
from trinity_celery.transactions.database import Database

BATCH = 1000

logger = get_task_logger(__name__)

Publish = Callable[[Message], object]


def write_down(database: Database, message: Message) -> None:
    """Add ``message`` to the transaction that is open."""
    values = f"VALUES ({database.placeholder}, CURRENT_TIMESTAMP)"
    database.execute(f"INSERT INTO {_table(database)} (message, created_at) {values}", (message.encode(),))


def relay(
    database: Database,
    publish: Publish,
    *,
    unavailable: type[Exception],
    limit: int = BATCH,
    seconds: float = float("inf"),
) -> int:
    """Send what waits, in the order in which it was written, and return how many messages were sent.

    Several relays may run at the same time: each message belongs to one of them. A message that cannot be sent
    for a reason of its own stays, is logged each time, and holds up no other.

    Args:
        database: where the outbox is.
        publish: sends one message.
        unavailable: what ``publish`` raises when there is no broker; the rest then stays for later.
        limit: how many messages to look at.
        seconds: when to begin no further message.

    Raises:
        unavailable: as soon as ``publish`` raises it.
    """
    sent, last, deadline = 0, 0, monotonic() + seconds
    for _ in range(limit):
        try:
            with database.transaction():
                taken = _take(database, after=last)
                if taken is None:
                    break
                last, message = taken
                _send(publish, message, unavailable)
            sent += 1
        except UnsendableError as error:
            logger.warning("outbox: message %s of %s stays: %s", last, _table(database), error)
        if monotonic() > deadline:
            break
    return sent


def _send(publish: Publish, message: Message, unavailable: type[Exception]) -> None:
    try:
        publish(message)
    except (unavailable, UnsendableError):
        raise
    except Exception as error:
        raise UnsendableError(f"{type(error).__name__}: {error}") from error


def _take(database: Database, after: int) -> tuple[int, Message] | None:
    """Delete the next message that no other relay has in hand, and return it with its number."""
    table, lock = _table(database), "FOR UPDATE SKIP LOCKED" if database.is_postgresql else ""
    chosen = f"SELECT id FROM {table} WHERE id > {database.placeholder} ORDER BY id LIMIT 1 {lock}"
    rows = database.execute(f"DELETE FROM {table} WHERE id = ({chosen}) RETURNING id, message", (after,)).fetchall()
    return (rows[0][0], Message.decode(rows[0][1])) if rows else None


def _table(database: Database) -> str:
    return f"{database.prefix}_outbox"
