"""One client for all commands of a kombu channel, which would make one for each: a third of what sending costs.

And no transaction where a server without free memory would refuse it.
"""

from typing import Any


class OneClient:
    """To be mixed into kombu's Redis channel. The client goes when its connections do, as after a fork."""

    pool: Any
    _client: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        if self._client is None or self._client.connection_pool is not self.pool:
            self._client = super()._create_client()  # type: ignore[misc]
        return self._client

    def _size(self, queue: str) -> int:
        """Return how many messages wait in ``queue``; kombu asks in a transaction, which a full Redis 7.0 refuses."""
        with self.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:  # type: ignore[attr-defined]
            for key in self._keys(queue):
                pipe.llen(key)
            return sum(pipe.execute())

    def _purge(self, queue: str) -> int:
        """Delete the messages of ``queue`` and return how many they were; this too must work on a full server."""
        with self.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:  # type: ignore[attr-defined]
            for key in self._keys(queue):
                pipe.llen(key).delete(key)
            return sum(pipe.execute()[::2])

    def _keys(self, queue: str) -> list[str]:
        return [self._q_for_pri(queue, step) for step in self.priority_steps]  # type: ignore[attr-defined]
