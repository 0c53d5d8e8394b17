"""RabbitMQ as the broker: what Celery has to know about it.

https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html
"""

import math
from collections.abc import Sequence

from amqp.exceptions import AccessRefused, InternalError, NotAllowed
from celery import Celery
from kombu import Connection, Exchange
from kombu.transport.native_delayed_delivery import MAX_NUMBER_OF_BITS_TO_USE

from trinity_celery.brokers.base import Recorder
from trinity_celery.brokers.rabbitmq import dead_queue, publisher
from trinity_celery.brokers.rabbitmq.connection import count_waiting
from trinity_celery.brokers.rabbitmq.worker_queue import TaskQueue, WorkerQueue
from trinity_celery.config.runtime import Runtime
from trinity_celery.config.settings import CelerySettings, Configuration, Role
from trinity_celery.connections.tls import amqp_tls
from trinity_celery.messages.message import Message

CONSUMER_TIMEOUT = 1800  # seconds, RabbitMQ's default
DELIVERY_LIMIT = 20
# What a user must be allowed to do. https://www.rabbitmq.com/docs/access-control#authorisation
RIGHTS = {
    ("Exchange.declare", "exchange"): "configure",
    ("Queue.declare", "queue"): "configure",
    ("Queue.declare", "exchange"): "write",  # to the one for its dead letters
    ("Queue.bind", "queue"): "write",
    ("Queue.bind", "exchange"): "read",
    ("Basic.publish", "exchange"): "write",
    ("Basic.consume", "queue"): "read",
    ("Basic.get", "queue"): "read",
}
LONGEST_DELAY = 2**MAX_NUMBER_OF_BITS_TO_USE - 1  # seconds: some eight years


def queue_arguments(project: str) -> dict[str, object]:
    """Return what every queue of a project is declared with. RabbitMQ refuses to declare one anew with other arguments.

    https://www.rabbitmq.com/docs/quorum-queues
    """
    return {
        "x-queue-type": "quorum",
        # A message that was given back more often than this ends workers: it is not given to yet another one. A
        # worker that stops gives back too, so the limit is RabbitMQ's own.
        "x-delivery-limit": DELIVERY_LIMIT,
        # To the default exchange, which hands it to the queue of this name.
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_queue.name_of(project),
        # It leaves this queue when it has arrived there; that needs the overflow behaviour below.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


class RabbitMQBroker:
    """A RabbitMQ server; the methods are described in ``trinity_celery.brokers.base``."""

    batch = 100

    def __init__(self, default_port: int) -> None:
        self.default_port = default_port

    def whole_delay(self, app: Celery, seconds: float) -> int:
        """Return the whole seconds for which RabbitMQ keeps back what is to wait for so many: rounded up.

        Celery rounds down, fails for what is then no second at all, and lets a worker wait for the rest, where it takes
        the place of another task. https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html

        Raises:
            ValueError: the delay is longer than RabbitMQ can keep a message back.
        """
        if seconds > LONGEST_DELAY:
            raise ValueError(f"a delay of {seconds:.0f} s: RabbitMQ keeps a task back for at most {LONGEST_DELAY} s")
        return math.ceil(seconds)

    def redelivery(self, settings: CelerySettings) -> tuple[int, str]:
        """Return after how many seconds RabbitMQ hands a running task out again, and why.

        https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
        """
        return CONSUMER_TIMEOUT, (
            "RabbitMQ closes the connection of a worker that has not acknowledged a task after "
            f"{CONSUMER_TIMEOUT} s (consumer_timeout)"
        )

    def configuration(self, runtime: Runtime, role: Role) -> Configuration:
        """Return the part of Celery's configuration that only holds for RabbitMQ.

        Raises:
            SystemExit: a task may run longer than RabbitMQ waits for its acknowledgement.
        """
        settings, project = runtime.settings, runtime.project.name
        longest, why = self.redelivery(settings)
        if settings.celery_task_time_limit >= longest:
            raise SystemExit(f"CELERY_TASK_TIME_LIMIT: {settings.celery_task_time_limit} s is too long: {why}")
        options: dict[str, object] = {
            # Without confirms, a message sent to a broker that just died counts as sent.
            "confirm_publish": True,
        }
        if role == "sender":
            options |= {"read_timeout": 1, "write_timeout": 1}
        # Quorum queues with a topic exchange: with a direct one, each task with an ETA takes up a slot of the worker.
        exchange = Exchange(project, type="topic")
        kind, arguments = WorkerQueue if role == "worker" else TaskQueue, queue_arguments(project)
        return {
            "task_queues": [
                kind(name, exchange, routing_key=name, queue_arguments=arguments) for name in runtime.all_queues()
            ],
            "task_default_exchange": project,
            "task_default_exchange_type": "topic",
            # An acknowledgement cannot follow over a new connection: stop the task rather than run it twice at once.
            "worker_cancel_long_running_tasks_on_connection_loss": True,
            "broker_use_ssl": amqp_tls(settings.broker_url, settings.ca_file),
            "broker_heartbeat": 30,
            "broker_connection_timeout": 4 if role == "worker" else 1,
            "broker_transport_options": options,
        }

    def refusal(self, error: BaseException) -> str | None:
        """Return what RabbitMQ refuses for good, and its words, or ``None`` if waiting may help.

        A limit of connections is refused like a virtual host that is not there, but others may give theirs back.
        """
        said = " ".join(str(error).split())
        if isinstance(error, InternalError) and "feature flag is disabled" in said:
            # A server that was updated from 3.7 has it off until somebody turns it on.
            return (
                "quorum queues, which every queue here is, until you run: rabbitmqctl enable_feature_flag quorum_queue"
            )
        if not isinstance(error, AccessRefused | NotAllowed) or "connection limit (" in said:
            return None
        if "Login was refused" in said:
            return "the name or the password"
        if isinstance(error, NotAllowed):
            return f"the virtual host ({said})"
        right = RIGHTS.get((str(error.method_name), "queue" if "access to queue" in said else "exchange"))
        return f"the user {f'the right to {right}, which it needs' if right else 'a right that it needs'} ({said})"

    def check(self, app: Celery) -> None:
        """Look whether the broker takes messages, and lets the queues be declared."""
        publisher.check(app)

    def collect(self, app: Celery, recorder: Recorder) -> int:
        """Hand over what RabbitMQ has dead-lettered."""
        return dead_queue.collect(app, recorder)

    def count_waiting(self, connection: Connection, queue: str) -> int:
        """Return how many tasks wait in ``queue`` now."""
        return count_waiting(connection, queue)

    def publish(self, app: Celery, messages: Sequence[Message]) -> None:
        """Send messages, and return when the broker has confirmed them."""
        publisher.publish(app, messages)

    async def publish_async(self, app: Celery, messages: Sequence[Message]) -> None:
        """Do the same without blocking the event loop."""
        await publisher.publish_async(app, messages)

    async def close_async(self) -> None:
        """Close the connections of this event loop to the result backend."""
        await publisher.close_lines()

    def keeps_rejected(self) -> bool:
        """What is rejected goes to the queue of dead messages."""
        return True

    def keep_running_tasks(self, connection: Connection | None) -> None:
        """RabbitMQ gives back by itself what a lost connection held."""

    def give_back_all_but(self, tags: set[str]) -> None:
        """RabbitMQ gives back by itself what a connection held that is closed."""

    def flush(self) -> None:
        """What is acknowledged is on its way at once."""


BROKER = RabbitMQBroker(5672)
ENCRYPTED_BROKER = RabbitMQBroker(5671)
