"""What the library uses of redis-py's private names."""

from socket import socket
from typing import Any

from trinity_celery._compat import Names

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


def socket_of(connection: Any) -> socket:
    """Return the socket of a connection that is connected, for a loop that waits for several of them.

    Uses ``Connection._sock``: the public ``can_read`` waits for one.
    """
    found: socket = connection._sock
    return found


def new_connection(pool: Any) -> Any:
    """Return a new connection to the server of ``pool``, which does not count it.

    Uses the undocumented ``connection_class`` and ``connection_kwargs``: the pool's own ``make_connection`` refuses
    when it has made 100 since the process began: each attempt counts, also those in vain.
    https://github.com/redis/redis-py/blob/v8.1.0/redis/connection.py
    """
    return pool.connection_class(**pool.connection_kwargs)


def replace_extension(lock: Any, script: Any) -> None:
    """Let ``script`` extend ``lock``.

    Sets ``Lock.lua_extend``, as RedBeat does: redis-py's own script adds a time, and no argument replaces it.
    """
    lock.lua_extend = script
