"""The brokers that can be used: Redis, Valkey and RabbitMQ."""

from trinity_celery.brokers.base import Broker
from trinity_celery.brokers.registry import find_broker

__all__ = ["Broker", "find_broker"]
