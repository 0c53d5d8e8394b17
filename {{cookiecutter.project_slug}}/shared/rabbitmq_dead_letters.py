"""RabbitMQ's own place for dead messages: those that it has given to too many workers, and those that were rejected.

https://www.rabbitmq.com/docs/dlx
"""

from datetime import UTC
from typing import Any

from celery import Celery
from celery.signals import before_task_publish
from kombu import Queue

from shared.dead_letters import CRASH_LIMIT, REJECTED, DeadLetters, letter_of
from shared.dead_messages import mark_as_expired, mark_as_failed
from shared.layout import PROJECT
from shared.messages import decode

# Nobody consumes it: whoever looks at dead letters empties it. The oldest messages make room for new ones.
DEAD_QUEUE = Queue(
    f"{PROJECT}.dead",
    queue_arguments={"x-queue-type": "quorum", "x-max-length": 10_000, "x-max-length-bytes": 100_000_000},
)

PATIENCE = 10  # seconds; whoever looks at dead letters can wait for a busy broker longer than whoever sends a task


class TaskQueue(Queue):
    """A queue whose dead messages have a place to go to as soon as it is there itself."""

    def declare(self, nowait: bool = False, channel: Any = None) -> str:
        """Declare both."""
        DEAD_QUEUE(channel or self.channel).declare(nowait=nowait)
        return str(super().declare(nowait=nowait, channel=channel))


@before_task_publish.connect
def let_workers_expire(properties: Any, **_: Any) -> None:
    """Take the time to live off every task that is sent: a worker finds out that it came too late, and says so.

    RabbitMQ would drop it without a word. https://www.rabbitmq.com/docs/ttl
    """
    properties.pop("expiration", None)


def settle_dead(app: Celery, letters: DeadLetters, message: Any) -> None:
    """Keep the letter of a message from the queue of dead ones, and note what has become of its task.

    Raises:
        Exception: whatever the clients of the servers raise when they are away.
    """
    match message.headers.get("x-death"):
        case [dict() as death, *_]:
            pass
        case _:
            death = {}
    reason = str(death.get("reason", REJECTED))
    decoded = decode(message)
    # Sent by somebody else's app, which gave it a time to live.
    if reason == "expired" and not decoded.problem and decoded.context.expires:
        mark_as_expired(app, decoded.context)
        return
    fields: dict[str, Any] = {"queue": death.get("queue")}
    if time := death.get("time"):
        fields["failed_at"] = time.replace(tzinfo=UTC)
    kind = CRASH_LIMIT if reason == "delivery_limit" else REJECTED
    letter = letter_of(message, kind, f"the broker has put it aside: {reason}", **fields)
    letters.keep(letter)
    mark_as_failed(app, letter, message)


def collect_dead(app: Celery, letters: DeadLetters) -> int:
    """Move everything into ``letters`` and return how much it was. What leaves the queue has a state.

    Raises:
        Exception: whatever the clients of the broker and of Redis raise when they are away.
    """
    count = 0
    options = {"read_timeout": PATIENCE, "write_timeout": PATIENCE}
    with app.connection_for_read(connect_timeout=PATIENCE, transport_options=options) as connection:
        channel: Any = connection.channel()
        queue = DEAD_QUEUE(channel)
        queue.declare()
        while message := queue.get(accept=["json"]):
            settle_dead(app, letters, message)
            message.ack()
            count += 1
    return count
