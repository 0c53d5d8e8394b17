"""Figures in Redis, where web processes and workers both reach them."""

from functools import cache

from redis import Redis
from trinity_celery.config import CelerySettings, load
from trinity_celery.connections import redis_client

from shared.queues import PROJECT


class Store:
    """One hash of named figures."""

    def __init__(self, client: Redis, key: str = f"{PROJECT.name}:atom:statistics") -> None:
        self._client = client
        self._key = key

    def increment(self, name: str, amount: int = 1) -> None:
        """Add to a figure, atomically."""
        self._client.hincrby(self._key, name, amount)

    def write(self, name: str, value: str) -> None:
        """Set a figure."""
        self._client.hset(self._key, name, value)

    def read(self) -> dict[str, str]:
        """Return all figures."""
        return {str(name): str(value) for name, value in self._client.hgetall(self._key).items()}

    def clear(self) -> None:
        """Forget all figures."""
        self._client.delete(self._key)


@cache
def get_store() -> Store:
    """Return this process's store; ``REDIS_URL`` says where it lies."""
    return Store(redis_client(load(CelerySettings)))
