"""Ports that are free on this machine."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from secrets import randbelow

# Below those that systems give to clients: a server that is started again would now and then find its port taken.
LOWEST, HIGHEST = 20_000, 32_000
_RESERVED: list[int] = []  # the open files whose locks say so; the system takes them back when this process ends


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` of 127.0.0.1."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """Keep ``port`` from the other processes that ask here; return whether this one was the first."""
    folder = Path(tempfile.gettempdir()) / f"ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    file = os.open(folder / str(port), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _RESERVED.append(file)
    return True


def free_port() -> int:
    """Return a port on which nobody listens, another one each time.

    Servers start some time after their ports are chosen, so a port stays with the process that got it until that ends.
    """
    while True:
        port = LOWEST + randbelow(HIGHEST - LOWEST)
        if _reserve(port) and is_free(port):
            return port


def settle_ports(environment: dict[str, str], *, keep_usual: bool) -> dict[str, str]:
    """Return a free port for each variable of ``environment`` that ends in ``_PORT``.

    Args:
        environment: the variables, each with its usual port.
        keep_usual: take the usual port where it is free, and say so where it is not.
    """
    ports = {}
    for name, usual in environment.items():
        if name.endswith("_PORT") and usual.isdigit():
            if keep_usual and is_free(int(usual)):
                ports[name] = usual
            else:
                ports[name] = str(free_port())
                if keep_usual:
                    print(f"port {usual} is taken: {name} is {ports[name]} this time", flush=True)
    return ports
