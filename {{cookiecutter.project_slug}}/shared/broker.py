"""What the project has to know about a kind of broker."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery

from shared.dead_letters import DeadLetters
from shared.outbox import Message
from shared.settings import CelerySettings, Role


@dataclass(frozen=True)
class Broker:
    """A kind of broker; ``shared/brokers.py`` lists those that can be used.

    Attributes:
        configure: returns the part of Celery's configuration that only holds for it.
        delay: returns the whole seconds for which it keeps back what is to wait for so many, or ``None`` if it keeps to
            fractions, too; raises ``ValueError`` if it cannot wait for so long.
        redelivery: returns after how many seconds it hands a running task out again, and why; ``None``: never.
        default_port: where it listens.
        check: looks whether it can be used, and raises whatever its client raises.
        collect: fetches the messages that the broker itself has put aside.
        publish: sends messages, or raises ``BrokerUnavailableError`` in time.
        publish_async: the same without blocking the event loop.
        refusal: returns what an error says that it refuses for good; ``None``: waiting may help.
        batch: how many messages may be sent at once, all of them or none where the broker can do that.
    """

    configure: Callable[[CelerySettings, Role], dict[str, Any]]
    delay: Callable[[Celery, float], int | None]
    redelivery: Callable[[CelerySettings], tuple[int, str] | None]
    default_port: int
    check: Callable[[Celery], object]
    collect: Callable[[Celery, DeadLetters], int]
    publish: Callable[[Celery, Sequence[Message]], None]
    publish_async: Callable[[Celery, Sequence[Message]], Awaitable[None]]
    refusal: Callable[[BaseException], str | None]
    batch: int
