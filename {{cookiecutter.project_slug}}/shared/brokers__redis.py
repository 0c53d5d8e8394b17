"""The brokers that this project can use."""

from collections.abc import Callable
from typing import Any

from celery import Celery

from shared.dead_letters import DeadLetters
from shared.redis_broker import redis_broker
from shared.settings import CelerySettings, Role
from shared.unclaimed import collect_unclaimed

# By the scheme of CELERY_BROKER_URL.
BROKERS: dict[str, Callable[[CelerySettings, Role], dict[str, Any]]] = {
    "redis": redis_broker,
    "rediss": redis_broker,
}
DEFAULT_PORTS = {"redis": 6379, "rediss": 6379}
# What fetches the messages that the broker itself has put aside.
COLLECTORS: dict[str, Callable[[Celery, DeadLetters], int]] = {
    "redis": collect_unclaimed,
    "rediss": collect_unclaimed,
}
