"""What contracts hand their messages to: the broker, or, in tests, a list in memory."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol
from weakref import WeakKeyDictionary

from celery import Celery

from trinity_celery.contracts.sending import publish_async, send_now, send_through_outbox
from trinity_celery.messages.message import Message
from trinity_celery.transactions.database import any_database, open_database


class Publisher(Protocol):
    """Takes messages from contracts. ``publishing_through`` puts one of your own in the broker's place."""

    def send(self, messages: Sequence[Message], *, outbox: bool) -> None:
        """Take messages, or wait with them for the commit of the transaction that is open.

        Args:
            messages: what to send.
            outbox: whether neither a crash nor a missing broker may lose them.

        Raises:
            BrokerUnavailableError: they were not taken.
        """

    async def send_async(self, messages: Sequence[Message], *, outbox: bool) -> None:
        """Do the same as ``send`` without blocking the event loop."""


class BrokerPublisher:
    """Sends messages to the broker of an app, which is what contracts do by default.

    Args:
        app: which sends.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, messages: Sequence[Message], *, outbox: bool) -> None:
        """Send messages at once, after the commit of the transaction that is open, or by way of the outbox.

        Args:
            messages: what to send.
            outbox: whether to write them into this process's database first, if it has one.

        Raises:
            BrokerUnavailableError: the broker did not take them in time. Raised by the commit if one is waited for, and
                never by way of the outbox.
        """
        if outbox and (database := any_database()):
            send_through_outbox(self._app, database, messages)
        elif database := open_database():
            database.after_commit(partial(send_now, self._app, messages))
        else:
            send_now(self._app, messages)

    async def send_async(self, messages: Sequence[Message], *, outbox: bool) -> None:
        """Do the same as ``send`` without blocking the event loop."""
        if outbox or open_database():
            await asyncio.to_thread(self.send, messages, outbox=outbox)
        else:
            await publish_async(self._app, messages)


class InMemoryPublisher:
    """Keeps messages, or runs their tasks, in this process. Like the broker, it gets them after the commit.

    Attributes:
        messages: what was sent, the oldest first.

    Args:
        run: what to do with each message besides keeping it.
    """

    def __init__(self, run: Callable[[Message], object] | None = None) -> None:
        self.messages: list[Message] = []
        self._run = run

    def send(self, messages: Sequence[Message], *, outbox: bool) -> None:
        """Take messages now, or after the commit of the transaction that is open.

        Args:
            messages: what to keep.
            outbox: makes no difference here.
        """
        if database := open_database():
            database.after_commit(partial(self._take, messages))
        else:
            self._take(messages)

    async def send_async(self, messages: Sequence[Message], *, outbox: bool) -> None:
        """Do the same as ``send``."""
        self.send(messages, outbox=outbox)

    def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.messages.append(message)
            if self._run is not None:
                self._run(message)


_chosen: WeakKeyDictionary[Celery, Publisher] = WeakKeyDictionary()


def publisher_of(app: Celery) -> Publisher:
    """Return what takes the messages that are sent through ``app``: its broker, unless another one was chosen."""
    return _chosen.get(app) or BrokerPublisher(app)


@contextmanager
def publishing_through(app: Celery, publisher: Publisher) -> Iterator[None]:
    """Let ``publisher`` take what contracts send through ``app`` while the context is open.

    Args:
        app: the app of this process.
        publisher: for example an ``InMemoryPublisher``.
    """
    before = _chosen.get(app)
    _chosen[app] = publisher
    try:
        yield
    finally:
        if before is None:
            del _chosen[app]
        else:
            _chosen[app] = before
