"""The brokers that the harness can break, by name, the project's own first."""

from trinity_celery.testing.outages import RedisServer, Server

BROKERS: dict[str, type[Server]] = {"redis": RedisServer}
