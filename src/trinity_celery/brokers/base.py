"""What the other packages have to know about a kind of broker: no other module tells Redis from RabbitMQ."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from celery import Celery
from celery.app.task import Context
from kombu import Connection
from kombu.message import Message as Delivery

from trinity_celery.config.runtime import Runtime
from trinity_celery.config.settings import CelerySettings, Configuration, Role
from trinity_celery.messages.message import Message


@dataclass(frozen=True)
class Quarantined:
    """A message that the broker has put aside by itself, as no worker can run it.

    Attributes:
        reason: one of ``trinity_celery.messages.reasons``.
        error: what is wrong with it, in one line.
        queue: where it came from, if that is known.
        failed_at: when it was put aside.
        delivery: the message; ``None`` if what was in the queue is none.
        raw: what was in the queue, if that is no message.
    """

    reason: str
    error: str
    queue: str | None
    failed_at: datetime | None
    delivery: Delivery | None
    raw: str = ""


class Recorder(Protocol):
    """Keeps what the broker has put aside. Each method raises whatever the clients of its servers raise."""

    def keep(self, quarantined: Quarantined) -> None:
        """Keep a message, and note that its task has failed."""

    def expire(self, request: Context) -> None:
        """Note that a task has come too late to run."""


class Broker(Protocol):
    """A kind of broker. ``trinity_celery.brokers.registry`` lists those that can be used, by the schemes of URLs."""

    @property
    def default_port(self) -> int:
        """The port on which it listens unless its URL says otherwise."""

    @property
    def batch(self) -> int:
        """How many messages may be sent at once, all of them or none where the broker can do that."""

    def configuration(self, runtime: Runtime, role: Role) -> Configuration:
        """Return the part of Celery's configuration that only holds for this broker.

        Args:
            runtime: the project, and what the environment says about it.
            role: a ``sender`` answers somebody who waits, and so gives up early; a ``worker`` has time.

        Raises:
            SystemExit: a setting does not fit this broker.
        """

    def whole_delay(self, app: Celery, seconds: float) -> int | None:
        """Return the whole seconds for which it keeps back what is to wait for ``seconds``.

        Args:
            app: which sends.
            seconds: the delay that is wanted.

        Returns:
            ``None`` if it keeps to fractions of a second, too.

        Raises:
            ValueError: it cannot wait for so long.
        """

    def redelivery(self, settings: CelerySettings) -> tuple[int, str] | None:
        """Return after how many seconds it hands a running task out again, and why; ``None``: never.

        Args:
            settings: what the environment says.
        """

    def check(self, app: Celery) -> None:
        """Look whether it can be used.

        Args:
            app: which uses it.

        Raises:
            Exception: whatever its client raises when it cannot.
        """

    def collect(self, app: Celery, recorder: Recorder) -> int:
        """Hand everything that the broker has put aside to ``recorder``.

        What is handed over leaves its place when ``recorder`` has kept it.

        Args:
            app: of the project whose messages these are.
            recorder: which keeps them.

        Returns:
            how many messages it was.

        Raises:
            Exception: whatever the clients of the servers raise when they are away.
        """

    def count_waiting(self, connection: Connection, queue: str) -> int:
        """Return how many tasks wait in a queue now. Those that a worker holds, running or delayed, are not counted.

        Args:
            connection: to the broker.
            queue: the name of the queue.

        Raises:
            Exception: whatever the broker's client raises when it is away.
        """

    def publish(self, app: Celery, messages: Sequence[Message]) -> None:
        """Send messages, and return when the broker has them.

        Args:
            app: which sends.
            messages: no more than ``batch``.

        Raises:
            QueueFullError: too many tasks wait in a queue.
            BrokerUnavailableError: the broker did not take them in time.
        """

    async def publish_async(self, app: Celery, messages: Sequence[Message]) -> None:
        """Do the same as ``publish`` without blocking the event loop."""

    async def close_async(self) -> None:
        """Close what this event loop has opened for ``publish_async``."""

    def refusal(self, error: BaseException) -> str | None:
        """Return what the broker refuses for good, as far as an error says so; ``None``: waiting may help.

        Args:
            error: which the broker's client has raised.
        """

    def keeps_rejected(self) -> bool:
        """Return whether it has a place for messages that a worker rejects."""

    def keep_running_tasks(self, connection: Connection | None) -> None:
        """Let the tasks that run be acknowledged later.

        Args:
            connection: the one that is lost, on which they came.
        """

    def give_back_all_but(self, tags: set[str]) -> None:
        """Put back all messages that this process holds, except for some.

        Args:
            tags: the delivery tags of those that it keeps.
        """

    def flush(self) -> None:
        """Let the broker forget at once what this process has acknowledged."""
