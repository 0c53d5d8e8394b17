"""One client for all commands of a kombu channel, which would make one for each: a third of what sending costs.

And on a server without free memory, what is no task is left out rather than that a worker ends, which would empty it.
"""

import logging
from typing import Any

from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.log import get_logger
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import OutOfMemoryError

from trinity_celery._compat.kombu import queue_size

REPLIES = ".reply.celery.pidbox"  # how the queues end in which workers answer remote control

logger = get_logger(__name__)


def count_waiting(connection: Connection, queue: str) -> int:
    """Return how many tasks wait in ``queue`` now; raise whatever the client raises."""
    connection.connect()  # a pool also gives out connections that were closed after an error
    channel: Any = connection.channel()
    try:
        return queue_size(channel, queue)
    finally:
        channel.close()


class OneClient:
    """To be mixed into kombu's Redis channel. The client goes when its connections do, as after a fork."""

    pool: object
    _client: Any = None

    def list_of(self, queue: str, step: int) -> str:
        """Return the key, without prefix, of the list that holds the messages of ``queue`` at a step of priority."""
        key: str = self._q_for_pri(queue, step)  # type: ignore[attr-defined]
        return key

    def _create_client(self, asynchronous: bool = False) -> object:
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

    def basic_publish(
        self, message: object, exchange: str, routing_key: str, mandatory: bool = False, **options: object
    ) -> object:
        """Publish ``message``; kombu drops what no queue gets, also what must not be dropped.

        Raises:
            OperationalError: no queue gets a message that is ``mandatory``.
        """
        if mandatory and exchange and not self._lookup(exchange, routing_key):  # type: ignore[attr-defined]
            raise OperationalError(f"no queue gets this message: none is bound to {exchange!r} with {routing_key!r}")
        return super().basic_publish(message, exchange, routing_key, **options)  # type: ignore[misc]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Bind a queue to an exchange. Tasks need no binding: they are sent to the queue itself."""
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[misc]
        except OutOfMemoryError as error:
            # Kombu itself binds again what is to expire, as are the queues of remote control and of events.
            level = logging.DEBUG if queue in self._expires else logging.WARNING  # type: ignore[attr-defined]
            logger.log(level, "queue %s: cannot be bound to exchange %s: %s", queue, exchange, error)

    def _refresh_bindings(self, queues: object) -> None:
        try:
            super()._refresh_bindings(queues)  # type: ignore[misc]
        except OutOfMemoryError as error:
            logger.debug("bindings cannot be refreshed: %s", error)  # kombu tries again

    def _put(self, queue: str, message: object, **options: object) -> None:
        """Put a message into a queue; nobody waits for long for an answer to remote control."""
        try:
            super()._put(queue, message, **options)  # type: ignore[misc]
        except OutOfMemoryError as error:
            if not queue.endswith(REPLIES):
                raise
            logger.warning("queue %s: cannot take an answer to remote control: %s", queue, error)

    def _delete(self, queue: str, *args: object, **options: object) -> None:
        try:
            super()._delete(queue, *args, **options)  # type: ignore[misc]
        except OutOfMemoryError:  # all but the transaction is done
            with self.conn_or_acquire() as client:  # type: ignore[attr-defined]
                client.delete(*self._keys(queue))
        except LostConnectionError:
            # Celery closes channels of a lost connection and cannot take an error; the binding runs out by itself.
            if not self._closing:  # type: ignore[attr-defined]
                raise

    def _has_queue(self, queue: str, **_: object) -> bool:
        with self.conn_or_acquire() as client:  # type: ignore[attr-defined]
            return bool(client.exists(*self._keys(queue)))

    def _keys(self, queue: str) -> list[str]:
        return [self.list_of(queue, step) for step in self.priority_steps]  # type: ignore[attr-defined]
