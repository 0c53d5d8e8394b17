"""The brokers that this project can use, and what Celery has to know about RabbitMQ.

https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html
"""

import math
import ssl
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from amqp.exceptions import AccessRefused, InternalError, NotAllowed
from celery import Celery
from kombu import Exchange
from kombu.transport.native_delayed_delivery import MAX_NUMBER_OF_BITS_TO_USE

from shared import rabbitmq_publisher
from shared.broker import Broker
from shared.layout import PROJECT
from shared.rabbitmq_dead_letters import DEAD_QUEUE, TaskQueue, collect_dead
from shared.rabbitmq_state import WorkerQueue
from shared.redis_broker import redis_broker, redis_check, redis_delay, redis_redelivery, redis_refusal
from shared.redis_publisher import publish, publish_async
from shared.settings import CelerySettings, Role, all_queues
from shared.tls import ca_file
from shared.unclaimed import collect_unclaimed

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


def amqp_tls(url: str) -> dict[str, Any] | None:
    """Return the arguments with which the client verifies the broker; ``None`` unless ``url`` begins with ``amqps``."""
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        return None
    # With a name here, the client also checks that the certificate holds it.
    return {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca_file(), "server_hostname": parts.hostname}


def queue_arguments() -> dict[str, Any]:
    """Return what every queue is declared with. RabbitMQ refuses to declare a queue anew with other arguments.

    https://www.rabbitmq.com/docs/quorum-queues
    """
    return {
        "x-queue-type": "quorum",
        # A message that was given back more often than this ends workers: it is not given to yet another one. A
        # worker that stops gives back too, so the limit is RabbitMQ's own.
        "x-delivery-limit": DELIVERY_LIMIT,
        # To the default exchange, which hands it to the queue of this name.
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_QUEUE.name,
        # It leaves this queue when it has arrived there; that needs the overflow behaviour below.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def rabbitmq_delay(app: Celery, seconds: float) -> int:
    """Return the whole seconds for which RabbitMQ keeps back what is to wait for so many: rounded up.

    Celery rounds down, fails for what is then no second at all, and lets a worker wait for the rest, where it takes the
    place of another task. https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html

    Raises:
        ValueError: the delay is longer than RabbitMQ can keep a message back.
    """
    if seconds > LONGEST_DELAY:
        raise ValueError(f"a delay of {seconds:.0f} s: RabbitMQ keeps a task back for at most {LONGEST_DELAY} s")
    return math.ceil(seconds)


def rabbitmq_redelivery(settings: CelerySettings) -> tuple[int, str]:
    """Return after how many seconds RabbitMQ hands a running task out again, and why.

    https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
    """
    return CONSUMER_TIMEOUT, (
        "RabbitMQ closes the connection of a worker that has not acknowledged a task after "
        f"{CONSUMER_TIMEOUT} s (consumer_timeout)"
    )


def rabbitmq_broker(settings: CelerySettings, role: Role) -> dict[str, Any]:
    """Return the part of Celery's configuration that only holds for RabbitMQ.

    Raises:
        SystemExit: a task may run longer than RabbitMQ waits for its acknowledgement.
    """
    longest, why = rabbitmq_redelivery(settings)
    if settings.celery_task_time_limit >= longest:
        raise SystemExit(f"CELERY_TASK_TIME_LIMIT: {settings.celery_task_time_limit} s is too long: {why}")
    options: dict[str, Any] = {
        # Without confirms, a message sent to a broker that just died counts as sent.
        "confirm_publish": True,
    }
    if role == "sender":
        options |= {"read_timeout": 1, "write_timeout": 1}
    # Quorum queues with a topic exchange: with a direct one, each task with an ETA takes up a slot of the worker.
    exchange = Exchange(PROJECT, type="topic")
    kind, arguments = WorkerQueue if role == "worker" else TaskQueue, queue_arguments()
    return {
        "task_queues": [kind(name, exchange, routing_key=name, queue_arguments=arguments) for name in all_queues()],
        "task_default_exchange": PROJECT,
        "task_default_exchange_type": "topic",
        # An acknowledgement cannot follow over a new connection: stop the task rather than run it twice at once.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "broker_use_ssl": amqp_tls(settings.broker_url),
        "broker_heartbeat": 30,
        "broker_connection_timeout": 4 if role == "worker" else 1,
        "broker_transport_options": options,
    }


def rabbitmq_refusal(error: BaseException) -> str | None:
    """Return what RabbitMQ refuses for good, and its words, or ``None`` if waiting may help.

    A limit of connections is refused like a virtual host that is not there, but others may give theirs back.
    """
    said = " ".join(str(error).split())
    if isinstance(error, InternalError) and "feature flag is disabled" in said:
        # A server that was updated from 3.7 has it off until somebody turns it on.
        return "quorum queues, which every queue here is, until you run: rabbitmqctl enable_feature_flag quorum_queue"
    if not isinstance(error, AccessRefused | NotAllowed) or "connection limit (" in said:
        return None
    if "Login was refused" in said:
        return "the name or the password"
    if isinstance(error, NotAllowed):
        return f"the virtual host ({said})"
    right = RIGHTS.get((str(error.method_name), "queue" if "access to queue" in said else "exchange"))
    return f"the user {f'the right to {right}, which it needs' if right else 'a right that it needs'} ({said})"


RABBITMQ = Broker(
    rabbitmq_broker,
    rabbitmq_delay,
    rabbitmq_redelivery,
    5672,
    rabbitmq_publisher.check,
    collect_dead,
    rabbitmq_publisher.publish,
    rabbitmq_publisher.publish_async,
    rabbitmq_refusal,
    batch=100,
)
REDIS = Broker(
    redis_broker,
    redis_delay,
    redis_redelivery,
    6379,
    redis_check,
    collect_unclaimed,
    publish,
    publish_async,
    redis_refusal,
    batch=250,
)

# By the scheme of CELERY_BROKER_URL; Redis serves where RabbitMQ is not at hand, as on a laptop.
BROKERS = {"amqp": RABBITMQ, "amqps": replace(RABBITMQ, default_port=5671), "redis": REDIS, "rediss": REDIS}
