"""The brokers that the harness can break, by name, the project's own first."""

from contextlib import AbstractContextManager
from typing import Any

from kombu import Connection

from devtools.rabbitmq import private_rabbitmq, server_binary
from shared.queues import PROJECT
from tests.chaos.breakages import breakage
from tests.chaos.servers import RedisServer, Server

breakage(
    "no-confirms",
    "broker-kill-sending",
    settings={"broker_transport_options": {"confirm_publish": False}},
    broker="rabbitmq",
)


class RabbitMQServer(Server):
    """RabbitMQ, as the project runs it."""

    def open(self) -> AbstractContextManager[str]:
        """Run a node of the same name each time, so that it finds its data.

        Raises:
            SystemExit: RabbitMQ is not installed.
        """
        binary = server_binary()
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
                channel.basic_publish(message, exchange=PROJECT.name, routing_key=queue)
        return len(kinds)


BROKERS: dict[str, type[Server]] = {"rabbitmq": RabbitMQServer, "redis": RedisServer}
