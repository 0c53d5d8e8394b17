"""What the library uses of redis-py's private names."""

from collections.abc import Callable, Iterable, Mapping
from socket import socket
from typing import Any, Protocol, TypeVar

from redis.commands.core import Script
from redis.typing import EncodableT

from trinity_celery._compat import Names

Command = tuple[EncodableT, ...]

CALLED: Names = {
    "redis.connection:Connection": (
        "_sock",
        "connect()",
        "disconnect()",
        "pack_commands(commands)",
        "read_response()",
        "send_command(*args)",
        "send_packed_command(command, check_health)",
    ),
    "redis.connection:ConnectionPool": ("connection_class", "connection_kwargs"),
    "redis.asyncio.connection:Connection": (
        "connect()",
        "disconnect(nowait)",
        "pack_commands(commands)",
        "read_response()",
        "send_packed_command(command, check_health)",
    ),
    "redis.asyncio.connection:ConnectionPool": ("connection_class", "connection_kwargs"),
}

OVERRIDDEN: Names = {
    "redis.connection:Connection": (
        "read_response(disable_decoding, timeout, disconnect_on_error, push_request)",
        "disconnect(*args, **kwargs)",
    ),
    "redis.connection:SSLConnection": (
        "read_response(disable_decoding, timeout, disconnect_on_error, push_request)",
        "disconnect(*args, **kwargs)",
    ),
    "redis.lock:Lock": ("lua_extend",),
}


class Connection(Protocol):
    """What is used of a connection whose commands are sent without a client. redis-py's own has hardly any types."""

    def pack_commands(self, commands: Iterable[Command]) -> list[bytes]: ...

    def send_packed_command(self, command: list[bytes], check_health: bool = ...) -> object: ...

    def read_response(self) -> Any: ...

    def disconnect(self) -> object: ...


class AsyncConnection(Protocol):
    """The same for ``asyncio``."""

    async def connect(self) -> object: ...

    def pack_commands(self, commands: Iterable[Command]) -> list[bytes]: ...

    async def send_packed_command(self, command: list[bytes], check_health: bool = ...) -> object: ...

    async def read_response(self) -> Any: ...

    async def disconnect(self, nowait: bool = ...) -> object: ...


Connected_co = TypeVar("Connected_co", covariant=True)


class Pool(Protocol[Connected_co]):
    """A pool of connections, of which some are for ``asyncio``."""

    @property
    def connection_class(self) -> Callable[..., Connected_co]: ...

    @property
    def connection_kwargs(self) -> Mapping[str, object]: ...


def socket_of(connection: Any) -> socket:
    """Return the socket of a connection that is connected, for a loop that waits for several of them.

    Uses ``Connection._sock``: the public ``can_read`` waits for one.
    """
    found: socket = connection._sock
    return found


def new_connection(pool: Pool[Connected_co]) -> Connected_co:
    """Return a new connection to the server of ``pool``, which does not count it.

    Uses the undocumented ``connection_class`` and ``connection_kwargs``: the pool's own ``make_connection`` refuses
    when it has made 100 since the process began: each attempt counts, also those in vain.
    https://github.com/redis/redis-py/blob/v8.1.0/redis/connection.py
    """
    return pool.connection_class(**pool.connection_kwargs)


def replace_extension(lock: Any, script: Script) -> None:
    """Let ``script`` extend ``lock``.

    Sets ``Lock.lua_extend``, as RedBeat does: redis-py's own script adds a time, and no argument replaces it.
    """
    lock.lua_extend = script
