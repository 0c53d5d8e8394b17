"""RabbitMQ's own place for dead messages: those that it has given to too many workers, and those that were rejected.

https://www.rabbitmq.com/docs/dlx
"""

from collections.abc import Mapping
from datetime import UTC

from celery import Celery
from celery.signals import before_task_publish
from kombu import Queue
from kombu.message import Message

from trinity_celery.brokers.base import Quarantined, Recorder
from trinity_celery.config.runtime import runtime_of
from trinity_celery.messages.decoding import decode
from trinity_celery.messages.reasons import CRASH_LIMIT, REJECTED

PATIENCE = 10  # seconds; whoever looks at dead letters can wait for a busy broker longer than whoever sends a task


def name_of(project: str) -> str:
    """Return the name of a project's queue of dead messages."""
    return f"{project}.dead"


def dead_queue(name: str) -> Queue:
    """Return a queue of dead messages.

    Nobody consumes it: whoever looks at dead letters empties it. The oldest messages make room for new ones.
    """
    arguments = {"x-queue-type": "quorum", "x-max-length": 10_000, "x-max-length-bytes": 100_000_000}
    return Queue(name, queue_arguments=arguments)


@before_task_publish.connect
def let_workers_expire(properties: dict[str, object], **_: object) -> None:
    """Take the time to live off every task that is sent: a worker finds out that it came too late, and says so.

    RabbitMQ would drop it without a word. https://www.rabbitmq.com/docs/ttl
    """
    properties.pop("expiration", None)


def hand_over(delivery: Message, recorder: Recorder) -> None:
    """Hand a message from the queue of dead ones to ``recorder``; raise whatever that raises."""
    headers: Mapping[str, object] = delivery.headers
    match headers.get("x-death"):
        case [dict() as death, *_]:
            pass
        case _:
            death = {}
    reason = str(death.get("reason", REJECTED))
    decoded = decode(delivery)
    # Sent by somebody else's app, which gave it a time to live.
    if reason == "expired" and not decoded.problem and decoded.context.expires:
        recorder.expire(decoded.context)
        return
    time = death.get("time")
    kind = CRASH_LIMIT if reason == "delivery_limit" else REJECTED
    error = f"the broker has put it aside: {reason}"
    failed_at = time.replace(tzinfo=UTC) if time else None
    recorder.keep(Quarantined(kind, error, death.get("queue"), failed_at, delivery))


def collect(app: Celery, recorder: Recorder) -> int:
    """Hand everything to ``recorder`` and return how much it was.

    Raises:
        Exception: whatever the clients of the broker and of Redis raise when they are away.
    """
    count = 0
    options = {"read_timeout": PATIENCE, "write_timeout": PATIENCE}
    with app.connection_for_read(connect_timeout=PATIENCE, transport_options=options) as connection:
        channel = connection.channel()
        queue = dead_queue(name_of(runtime_of(app).project.name))(channel)
        queue.declare()
        while delivery := queue.get(accept=["json"]):
            hand_over(delivery, recorder)
            delivery.ack()
            count += 1
    return count
