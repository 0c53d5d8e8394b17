"""Connections that count as lost when their server takes no writes any more, as after a fail-over.

A client keeps its connection to a server that was demoted, which would refuse it for ever; a new connection to the
same name leads to the server that took over. Redis-py does this for servers that Sentinel watches, and no others.
https://github.com/redis/redis-py/blob/v8.1.0/redis/sentinel.py
"""

from urllib.parse import urlsplit

from redis import Connection, SSLConnection
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError, ResponseError

# How answers begin for which redis-py has no class of their own: a snapshot or the log cannot be written, too few
# replicas follow, a script runs for too long, the server was demoted while a client waited for a list.
REFUSALS = ("MISCONF ", "NOREPLICAS ", "BUSY ", "UNBLOCKED ")


def takes_no_writes(error: ResponseError) -> bool:
    """Return whether a server refuses every write for now, whatever it is."""
    return isinstance(error, ReadOnlyError | MasterDownError) or str(error).startswith(REFUSALS)


class _Writing:
    """To be mixed into a connection of redis-py."""

    def read_response(self, *args: object, **options: object) -> object:
        """Return what the server answers.

        Raises:
            redis.ConnectionError: it cannot be reached, or takes no writes; the connection is closed.
            redis.ResponseError: it refuses this one command.
        """
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except ResponseError as error:
            if not takes_no_writes(error):
                raise
            self.disconnect()  # type: ignore[attr-defined]
            raise LostConnectionError(f"the server takes no writes now: {error}") from None


class WritingConnection(_Writing, Connection):
    """A connection in plain text."""


class WritingSSLConnection(_Writing, SSLConnection):
    """An encrypted connection."""


def connection_class(url: str) -> type[Connection]:
    """Return which of them leads to the server at ``url``."""
    return WritingSSLConnection if urlsplit(url).scheme == "rediss" else WritingConnection
