"""Servers that can be stopped, killed, frozen and started again where they were."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from kombu import Connection
from redis import Redis

from trinity_celery.testing.ports import free_port
from trinity_celery.testing.rabbitmq import private_rabbitmq
from trinity_celery.testing.rabbitmq import server_binary as rabbitmq_binary
from trinity_celery.testing.redis import private_redis


class Server(ABC):
    """A private server; its port and its data stay the same.

    Args:
        folder: for its data and its log.
        project: the name of the project whose broker it is.
    """

    def __init__(self, folder: Path, project: str = "") -> None:
        self.folder = folder
        self.project = project
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
        return int(self.client().rpush(f"{self.project}:{queue}", *garbage)) and len(garbage)

    def forget(self) -> None:
        """Write nothing to the disk from now on."""
        self.client().config_set("appendonly", "no")

    def demote(self) -> None:
        """Make it a replica, which takes no writes, of a server that is not there."""
        self.client().replicaof("127.0.0.1", free_port())

    def promote(self) -> None:
        """Let it take writes again."""
        self.client().replicaof("NO", "ONE")


class RabbitMQServer(Server):
    """RabbitMQ, as the project runs it."""

    def open(self) -> AbstractContextManager[str]:
        """Run a node of the same name each time, so that it finds its data.

        Raises:
            SystemExit: RabbitMQ is not installed.
        """
        binary = rabbitmq_binary()
        if binary is None:
            raise SystemExit("error: RabbitMQ is not installed here: install it, or choose --broker redis")
        return private_rabbitmq(self.folder, binary, self.port)

    def process(self) -> int:
        """Read what the node wrote down."""
        return int((self.folder / "pid").read_text())

    def push_garbage(self, queue: str) -> int:
        """Publish what is no task, with and without saying what it is."""
        kinds: list[dict[str, Any]] = [
            {"content_type": "application/x-unknown", "content_encoding": "binary"},
            {"content_type": "application/json", "content_encoding": "utf-8"},
            {"content_type": "application/json", "content_encoding": "utf-8", "headers": {"task": 1, "id": None}},
            {},
        ]
        with Connection(self.url) as connection:
            channel: Any = connection.channel()
            for number, properties in enumerate(kinds):  # the same bytes twice would be one letter
                message = channel.prepare_message(b"\xff\x00 no JSON %d" % number, **properties)
                channel.basic_publish(message, exchange=self.project, routing_key=queue)
        return len(kinds)
