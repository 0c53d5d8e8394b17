"""RabbitMQ's own place for dead messages: those that it has given to too many workers, and those that were rejected.

https://www.rabbitmq.com/docs/dlx
"""

from datetime import UTC
from typing import Any

from celery import Celery
from kombu import Queue

from shared.dead_letters import CRASH_LIMIT, DeadLetter, DeadLetters, letter_of
from shared.layout import PROJECT

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


def read_dead(message: Any) -> DeadLetter:
    """Return the letter of a message from the queue of dead ones."""
    match message.headers.get("x-death"):
        case [dict() as death, *_]:
            pass
        case _:
            death = {}
    reason = str(death.get("reason", "rejected"))
    error = f"the broker has put it aside: {reason}"
    fields: dict[str, Any] = {"queue": death.get("queue")}
    if time := death.get("time"):
        fields["failed_at"] = time.replace(tzinfo=UTC)
    return letter_of(message, CRASH_LIMIT if reason == "delivery_limit" else reason, error, **fields)


def collect_dead(app: Celery, letters: DeadLetters) -> int:
    """Move everything into ``letters`` and return how much it was. A message leaves its queue when its letter is kept.

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
            letters.keep(read_dead(message))
            message.ack()
            count += 1
    return count
