"""The brokers that the harness can break, by name, the project's own first."""

from trinity_celery.testing.outages import RabbitMQServer, RedisServer, Server

from tests.chaos.breakages import breakage

breakage(
    "no-confirms",
    "broker-kill-sending",
    settings={"broker_transport_options": {"confirm_publish": False}},
    broker="rabbitmq",
)

BROKERS: dict[str, type[Server]] = {"rabbitmq": RabbitMQServer, "redis": RedisServer}
