"""The brokers that this project can use, and what Celery has to know about RabbitMQ.

https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html
"""

from collections.abc import Callable
from typing import Any

from kombu import Exchange, Queue

from shared.layout import PROJECT
from shared.redis_broker import redis_broker
from shared.settings import CelerySettings, Role, all_queues

CONSUMER_TIMEOUT = 1800  # seconds, RabbitMQ's default


def rabbitmq_broker(settings: CelerySettings, role: Role) -> dict[str, Any]:
    """Return the part of Celery's configuration that only holds for RabbitMQ.

    Raises:
        SystemExit: a task may run longer than RabbitMQ waits for its acknowledgement.
    """
    if settings.celery_task_time_limit >= CONSUMER_TIMEOUT:
        raise SystemExit(
            f"CELERY_TASK_TIME_LIMIT: {settings.celery_task_time_limit} s is too long: RabbitMQ closes the connection "
            f"of a worker that has not acknowledged a task after {CONSUMER_TIMEOUT} s (consumer_timeout)"
        )
    options: dict[str, Any] = {
        # Without confirms, a message sent to a broker that just died counts as sent.
        "confirm_publish": True,
    }
    if role == "sender":
        options |= {"read_timeout": 1, "write_timeout": 1}
    # Quorum queues with a topic exchange: with a direct one, each task with an ETA takes up a slot of the worker.
    exchange = Exchange(PROJECT, type="topic")
    return {
        "task_queues": [
            Queue(name, exchange, routing_key=name, queue_arguments={"x-queue-type": "quorum"}) for name in all_queues()
        ],
        "task_default_exchange": PROJECT,
        "task_default_exchange_type": "topic",
        # An acknowledgement cannot follow over a new connection: stop the task rather than run it twice at once.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "broker_heartbeat": 30,
        "broker_connection_timeout": 4 if role == "worker" else 1,
        "broker_transport_options": options,
    }


# By the scheme of CELERY_BROKER_URL; Redis serves where RabbitMQ is not at hand, as on a laptop.
BROKERS: dict[str, Callable[[CelerySettings, Role], dict[str, Any]]] = {
    "amqp": rabbitmq_broker,
    "amqps": rabbitmq_broker,
    "redis": redis_broker,
    "rediss": redis_broker,
}
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}
