"""Ports that are free on this machine."""

import fcntl
import os
import re
import socket
import tempfile
from functools import cache
from pathlib import Path
from secrets import randbelow

# Below those that systems give to clients: a server that is started again would now and then find its port taken.
LOWEST, HIGHEST = 20_000, 32_000

_reserved: set[int] = set()  # by this process


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` of 127.0.0.1."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@cache
def _locks() -> int:
    """Return the open file whose bytes stand for ports; the system takes back the locks of a process that ends."""
    return os.open(Path(tempfile.gettempdir()) / f"ports-{os.getuid()}.lock", os.O_CREAT | os.O_RDWR, 0o600)


def _reserve(port: int) -> bool:
    """Keep ``port`` from the other processes that ask here; return whether this one is the first to ask for it."""
    if port in _reserved:
        return False
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _reserved.add(port)
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
        # Another value, perhaps of a variable that is none of ours, is for whoever reads it to refuse.
        if name.endswith("_PORT") and re.fullmatch("[1-9][0-9]{0,4}", usual) and int(usual) < 2**16:
            if keep_usual and is_free(int(usual)):
                ports[name] = usual
            else:
                ports[name] = str(free_port())
                if keep_usual:
                    print(f"port {usual} is taken: {name} is {ports[name]} this time", flush=True)
    return ports
