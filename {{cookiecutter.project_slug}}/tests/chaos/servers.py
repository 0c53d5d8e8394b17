"""Servers that can be stopped, killed, frozen and started again where they were."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from redis import Redis

from devtools.ports import free_port
from devtools.redis import private_redis
from shared.queues import PROJECT


class Server(ABC):
    """A private server; its port and its data stay the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = ""
        self._running: AbstractContextManager[str] | None = None
        self._group = 0

    @abstractmethod
    def open(self) -> AbstractContextManager[str]:
        """Return what runs the server while it is open, and yields the server's URL."""

    @abstractmethod
    def process(self) -> int:
        """Return the number of a process of the running server."""

    @abstractmethod
    def push_garbage(self, queue: str) -> int:
        """Put messages into ``queue`` that no task sender would, and return how many."""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._running = self.open()
        self.url = self._running.__enter__()
        self._group = os.getpgid(self.process())

    def stop(self) -> None:
        """Stop it in good order."""
        if self._running is not None:
            running, self._running = self._running, None
            self.signal(signal.SIGCONT)
            running.__exit__(None, None, None)

    def kill(self) -> None:
        """End it as a power cut would, but for the disk: SIGKILL."""
        self.signal(signal.SIGKILL)
        self.stop()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._group, number)

    def __enter__(self) -> Self:
        """Start it for as long as the context is open."""
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """Stop it."""
        self.stop()

    @contextmanager
    def away(self, *, killed: bool = False) -> Iterator[None]:
        """Have it stopped or killed while the context is open."""
        (self.kill if killed else self.stop)()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it accept connections and answer nobody while the context is open."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


class RedisServer(Server):
    """Valkey or Redis, as the project runs it."""

    def open(self) -> AbstractContextManager[str]:
        """Run it with its data on disk."""
        return private_redis(self.folder, self.port)

    def client(self) -> Any:
        """Return a connection."""
        return Redis.from_url(self.url, socket_timeout=10)

    def process(self) -> int:
        """Ask the server."""
        return int(self.client().info("server")["process_id"])

    def push_garbage(self, queue: str) -> int:
        """Push what is no message, and what is half of one."""
        garbage = [b"\xff\x00 no JSON", b"{}", b'{"body": 1, "properties": null}', b"[]"]
        return int(self.client().rpush(f"{PROJECT.name}:{queue}", *garbage)) and len(garbage)

    def forget(self) -> None:
        """Write nothing to the disk from now on."""
        self.client().config_set("appendonly", "no")

    def demote(self) -> None:
        """Make it a replica, which takes no writes, of a server that is not there."""
        self.client().replicaof("127.0.0.1", free_port())

    def promote(self) -> None:
        """Let it take writes again."""
        self.client().replicaof("NO", "ONE")
