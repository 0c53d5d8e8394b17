"""The queues of tasks on RabbitMQ, and whether a server can be trusted with them."""

from collections.abc import Mapping
from typing import Any

from amqp.exceptions import PreconditionFailed
from celery.utils.log import get_logger
from kombu import Queue
from kombu.transport.base import StdChannel

from trinity_celery.brokers.rabbitmq.dead_queue import dead_queue

OLDEST_VERSION = (3, 10)  # on which the tests run; it brought at-least-once dead letters

logger = get_logger(__name__)


def version_problem(properties: Mapping[str, object]) -> str | None:
    """Return what is wrong with the version that a server names when a client connects; ``None`` if nothing is.

    Args:
        properties: https://www.rabbitmq.com/amqp-0-9-1-reference#connection.start.server-properties
    """
    version = str(properties.get("version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if properties.get("product") != "RabbitMQ" or not numbers or numbers >= OLDEST_VERSION:
        return None
    return f"the broker is RabbitMQ {version}: use {'.'.join(map(str, OLDEST_VERSION))} or later"


class TaskQueue(Queue):
    """A queue whose dead messages have a place to go to as soon as it is there itself."""

    def declare(self, nowait: bool = False, channel: StdChannel | None = None) -> str:
        """Declare both."""
        name = (self.queue_arguments or {})["x-dead-letter-routing-key"]
        dead_queue(name)(channel or self.channel).declare(nowait=nowait)
        return str(super().declare(nowait=nowait, channel=channel))


class WorkerQueue(TaskQueue):
    """A queue that a worker declares when it starts."""

    def declare(self, nowait: bool = False, channel: StdChannel | None = None) -> str:
        """Declare it.

        Raises:
            SystemExit: the server is too old, or has a queue of this name and of another kind.
        """
        used: Any = channel or self.channel
        problem = version_problem(used.connection.server_properties)
        if not problem:
            try:
                return super().declare(nowait=nowait, channel=channel)
            except PreconditionFailed as error:
                problem = (
                    f"a queue is there already, but not as this project declares it ({error.reply_text}): let its old "
                    "workers empty it, delete it, and start this process again"
                )
        logger.critical("CELERY_BROKER_URL: %s", problem)
        raise SystemExit(1) from None
