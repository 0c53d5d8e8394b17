"""Send tasks to RabbitMQ without Celery's producers, at a fraction of what they cost.

The messages are the same. What is sent at the same time, many tasks of one sender or those of many requests in one
event loop, is confirmed together. Nothing here is shared with a forked process or with another event loop.
"""

import asyncio
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from celery import Celery
from celery.utils.log import get_logger

from trinity_celery._compat.redis import Command
from trinity_celery.brokers.celery_publisher import publish_by_celery, publish_by_celery_async
from trinity_celery.brokers.rabbitmq.connection import Parcel, Problem, Wire, count_waiting
from trinity_celery.brokers.rabbitmq.transport import BlockedError
from trinity_celery.brokers.redis.publisher import async_line_to, close_lines, line_to, notes
from trinity_celery.brokers.steps import run, run_async
from trinity_celery.connections.circuit_breaker import Breaker
from trinity_celery.connections.timeouts import DEADLINE, UNREACHABLE, unreachable_is_unavailable, within_deadline
from trinity_celery.messages.envelope import Envelope, is_plain, sending_config
from trinity_celery.messages.message import Message

__all__ = ["check", "close_lines", "publish", "publish_async"]

REMOVAL = 0.1  # seconds that remain, after the deadline, to take back what was noted
TOGETHER = 100  # senders in one event loop whose messages are confirmed together

logger = get_logger(__name__)


class Wires:
    """The connections of this process to one broker, each used by one thread at a time."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._idle: deque[Wire] = deque()
        self._breaker = Breaker()

    def send(self, parcel: Parcel, deadline: float) -> None:
        """Send ``parcel``.

        Raises:
            BrokerUnavailableError: the broker did not take it until ``deadline``.
        """
        with self._breaker.guard(), unreachable_is_unavailable():
            if problem := self._send(parcel, deadline):
                raise problem

    def _send(self, parcel: Parcel, deadline: float) -> Problem:
        try:
            return self._use(self._idle.pop(), parcel, deadline)
        except IndexError:
            pass
        except TimeoutError:
            raise
        except OSError:
            self._idle.clear()  # the broker was restarted: the others are lost as well
        # In a thread, since the time to look up a name has no bound.
        return within_deadline(lambda: self._use(Wire(self._app), parcel, deadline), deadline - monotonic())

    def _use(self, wire: Wire, parcel: Parcel, deadline: float) -> Problem:
        with self._kept(wire):
            [problem] = wire.send([parcel], deadline)
        return problem

    def check(self) -> None:
        """Look whether the broker takes messages; raise whatever its client raises."""
        try:
            wire = self._idle.pop()
        except IndexError:
            wire = Wire(self._app)
        with self._kept(wire):
            try:
                wire.check()
            except OSError:
                wire.check()  # on a new connection: the other one was lost, perhaps long ago

    @contextmanager
    def _kept(self, wire: Wire) -> Iterator[None]:
        """Keep ``wire`` for the next one if its connection is not lost."""
        try:
            yield
        except BlockedError:
            self._idle.append(wire)
            raise
        self._idle.append(wire)


class AsyncWire:
    """One connection of an event loop to a broker, in a thread. What several senders want at once is sent together."""

    def __init__(self, app: Celery) -> None:
        self._wire = Wire(app)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publisher")
        self._waiting: deque[tuple[Parcel, asyncio.Future[None]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def send(self, parcel: Parcel) -> None:
        """Send ``parcel``.

        Raises:
            BrokerUnavailableError, OSError: the broker did not take it.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((parcel, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                # The others have given up.
                if wanted := [each for each in taken if not each[1].done()]:
                    await self._send_together([parcel for parcel, _ in wanted], [future for _, future in wanted])
        finally:
            self._worker = None

    async def _send_together(self, parcels: list[Parcel], futures: "list[asyncio.Future[None]]") -> None:
        problems: Sequence[Exception | None]
        try:
            problems = await asyncio.get_running_loop().run_in_executor(self._thread, self._send, parcels)
        except Exception as error:
            problems = [error] * len(parcels)
        for problem, future in zip(problems, futures, strict=True):
            if future.done():
                continue
            if problem:
                future.set_exception(problem)
            else:
                future.set_result(None)

    def _send(self, parcels: Sequence[Parcel]) -> list[Problem]:
        deadline = monotonic() + DEADLINE
        try:
            return self._wire.send(parcels, deadline)
        except TimeoutError:
            raise
        except OSError:
            # Perhaps lost long ago. What was taken before comes a second time, under the same id.
            return self._wire.send(parcels, deadline)


_wires: dict[str, Wires] = {}
_async_wires: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncWire]] = WeakKeyDictionary()
_of_parents: list[object] = []  # kept, as a client that is collected would close the parent's connection


def _forget_wires() -> None:
    _of_parents.extend([dict(_wires), dict(_async_wires)])
    _wires.clear()
    _async_wires.clear()


os.register_at_fork(after_in_child=_forget_wires)


def _wires_of(app: Celery) -> Wires:
    url = sending_config(app).broker_url
    return _wires.get(url) or _wires.setdefault(url, Wires(app))


def _async_wire_of(app: Celery) -> AsyncWire:
    wires, url = _async_wires.setdefault(asyncio.get_running_loop(), {}), sending_config(app).broker_url
    return wires.get(url) or wires.setdefault(url, AsyncWire(app))


def check(app: Celery) -> None:
    """Look whether the broker takes messages, and lets the queues be declared; raise whatever its client raises."""
    _wires_of(app).check()


def is_direct(app: Celery, messages: Sequence[Message]) -> bool:
    """Return whether ``messages`` can be sent without Celery's producers, which also know how RabbitMQ delays them."""
    notes_are_in_redis = urlsplit(sending_config(app).result_backend).scheme in ("redis", "rediss")
    return all(
        message.eta is None and (notes_are_in_redis or message.ignore_result) and is_plain(app, message)
        for message in messages
    )


def _removal(noted: Sequence[Command]) -> list[Command]:
    return [("DEL", *(command[1] for command in noted))]


class Note(NamedTuple):
    """Note in the result backend that messages are sent."""

    commands: list[Command]


class Send(NamedTuple):
    """Send messages to the broker."""

    parcel: Parcel


class Forget(NamedTuple):
    """Take a note back."""

    commands: list[Command]


Step = Note | Send | Forget


def _steps(app: Celery, messages: Sequence[Message]) -> Generator[Step, None, None]:
    """Yield what is to be done so that ``messages`` are sent; takes the errors.

    They are noted before they are sent, and sent all the same while the result backend is away.
    """
    envelopes = [Envelope(app, message) for message in messages]
    commands, noted = notes(app, messages), False
    if commands:
        try:
            yield Note(commands)
            noted = True
        except UNREACHABLE as error:
            logger.warning("the status of tasks that are sent cannot be kept: %s", error)
    try:
        yield Send(envelopes)
    except BaseException:
        if noted:
            with suppress(*UNREACHABLE):
                yield Forget(_removal(commands))
        raise
    for envelope in envelopes:
        envelope.emit_published()


def publish(app: Celery, messages: Sequence[Message]) -> None:
    """Send messages, and return when the broker has confirmed them.

    Raises:
        QueueFullError: too many tasks wait in a queue.
        BrokerUnavailableError: the broker did not take them in time.
    """
    if not is_direct(app, messages):
        publish_by_celery(app, messages, count_waiting)
        return
    deadline = monotonic() + DEADLINE

    def perform(step: Step) -> None:
        if isinstance(step, Send):
            _wires_of(app).send(step.parcel, deadline)
            return
        line = line_to(app, sending_config(app).result_backend)
        if isinstance(step, Note):
            line.execute(step.commands)
        else:
            within_deadline(lambda: line.execute(step.commands), REMOVAL)

    run(_steps(app, messages), perform)


async def publish_async(app: Celery, messages: Sequence[Message]) -> None:
    """Do the same without blocking the event loop."""
    if not is_direct(app, messages):
        await publish_by_celery_async(app, messages, count_waiting)
        return

    async def perform(step: Step) -> None:
        if isinstance(step, Send):
            await _async_wire_of(app).send(step.parcel)
            return
        line = async_line_to(app, sending_config(app).result_backend)
        async with asyncio.timeout(DEADLINE / 2 if isinstance(step, Note) else REMOVAL):
            await line.execute(step.commands)

    with unreachable_is_unavailable():
        async with asyncio.timeout(DEADLINE):
            await run_async(_steps(app, messages), perform)
