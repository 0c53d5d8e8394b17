"""The brokers that this project can use."""

from collections.abc import Callable
from typing import Any

from shared.redis_broker import redis_broker
from shared.settings import CelerySettings, Role

# By the scheme of CELERY_BROKER_URL.
BROKERS: dict[str, Callable[[CelerySettings, Role], dict[str, Any]]] = {
    "redis": redis_broker,
    "rediss": redis_broker,
}
DEFAULT_PORTS = {"redis": 6379, "rediss": 6379}
