"""Send tasks to a Redis or Valkey broker without Celery's producers, at a fraction of what they cost.

The messages are the same. A status is noted in the same transaction if it is kept in the same database. Nothing here
is shared with a forked process or with another event loop.
"""

import asyncio
import base64
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple
from uuid import uuid4
from weakref import WeakKeyDictionary

from celery import Celery
from kombu.transport.redis import Channel
from kombu.utils.json import dumps
from redis import ConnectionPool
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError
from redis.retry import Retry

from trinity_celery._compat.redis import AsyncConnection, Command, Connection, new_connection
from trinity_celery.brokers.celery_publisher import publish_by_celery, publish_by_celery_async
from trinity_celery.brokers.redis.channel import count_waiting
from trinity_celery.brokers.steps import run, run_async
from trinity_celery.config.runtime import Runtime, runtime_of
from trinity_celery.connections.circuit_breaker import Breaker
from trinity_celery.connections.timeouts import DEADLINE, unreachable_is_unavailable, within_deadline
from trinity_celery.connections.tls import redis_tls
from trinity_celery.messages.backpressure import backpressure_of
from trinity_celery.messages.envelope import Envelope, is_plain, sending_config
from trinity_celery.messages.message import Message
from trinity_celery.messages.status import queued_note

TOGETHER = 16  # senders in one event loop whose commands make one round trip


def _options(runtime: Runtime, url: str) -> dict[str, object]:
    verified = redis_tls(url, runtime.settings.ca_file)
    return {"socket_keepalive": True, "client_name": f"{runtime.project.name}-publisher", **verified}


def _in_transaction(commands: Sequence[Command]) -> list[Command]:
    return [("MULTI",), *commands, ("EXEC",)] if len(commands) > 1 else list(commands)


class Line:
    """The connections of this process to one server, each used by one thread at a time."""

    def __init__(self, runtime: Runtime, url: str) -> None:
        # Half of the deadline, as there may be two questions: whether the queue is full, and what is to be sent.
        options = _options(runtime, url) | {"socket_timeout": DEADLINE / 2, "socket_connect_timeout": DEADLINE / 2}
        self._pool = ConnectionPool.from_url(url, **options, retry=Retry(NoBackoff(), 0))
        self._idle: deque[Connection] = deque()  # connections that await no reply
        self._breaker = Breaker()

    def execute(self, commands: Sequence[Command]) -> list[object]:
        """Run ``commands``, all of them or none, and return the replies, which may be errors.

        Raises:
            BrokerUnavailableError: the server did not answer in time.
        """
        began = monotonic()
        with self._breaker.guard():
            try:
                return self._run(self._idle.pop(), commands)
            except IndexError:
                pass
            except LostConnectionError:
                self._idle.clear()  # the server was restarted: the others are lost as well
            # In a thread, since the time to look up a name has no bound.
            left = began + DEADLINE - monotonic()
            return within_deadline(lambda: self._run(new_connection(self._pool), commands), left)

    def _run(self, connection: Connection, commands: Sequence[Command]) -> list[object]:
        sent = _in_transaction(commands)
        try:
            connection.send_packed_command(connection.pack_commands(sent), check_health=False)
            replies = [connection.read_response() for _ in sent]
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return list(replies[-1]) if len(sent) > 1 else replies


class AsyncLine:
    """One connection of an event loop to a server. What several senders want at once makes one round trip."""

    def __init__(self, runtime: Runtime, url: str) -> None:
        # None: there is a deadline for everything together, which also holds while the event loop is busy.
        options = _options(runtime, url) | {"socket_timeout": None, "socket_connect_timeout": None}
        self._pool = AsyncConnectionPool.from_url(url, **options, retry=AsyncRetry(NoBackoff(), 0))
        self._connection: AsyncConnection | None = None
        self._waiting: deque[tuple[Sequence[Command], asyncio.Future[list[object]]]] = deque()
        self._busy = False
        self._worker: asyncio.Task[None] | None = None

    async def execute(self, commands: Sequence[Command]) -> list[object]:
        """Run ``commands``, all of them or none, and return the replies, which may be errors.

        Raises:
            redis.RedisError: the server could not be reached.
        """
        if self._busy:
            future: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
            self._waiting.append((commands, future))
            return await future
        self._busy = True
        try:
            return await self._execute(commands)
        finally:
            self._worker = asyncio.create_task(self._work()) if self._waiting else None
            self._busy = bool(self._waiting)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.disconnect()

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._send_together()
        finally:
            self._busy = False

    async def _send_together(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        wanted = [each for each in taken if not each[1].done()]  # the others have given up
        if not wanted:
            return
        try:
            async with asyncio.timeout(DEADLINE):
                replies = iter(await self._execute([command for commands, _ in wanted for command in commands]))
        except BaseException as error:
            for _, future in wanted:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for commands, future in wanted:
            answers = [next(replies) for _ in commands]
            if not future.done():
                future.set_result(answers)

    async def _execute(self, commands: Sequence[Command]) -> list[object]:
        if self._connection is not None:
            # The server may have closed it since it was last used.
            with suppress(LostConnectionError):
                return await self._run(self._connection, commands)
        self._connection = new_connection(self._pool)
        return await self._run(self._connection, commands)

    async def _run(self, connection: AsyncConnection, commands: Sequence[Command]) -> list[object]:
        sent = _in_transaction(commands)
        try:
            await connection.connect()
            await connection.send_packed_command(connection.pack_commands(sent), check_health=False)
            replies = [await connection.read_response() for _ in sent]
        except BaseException:
            self._connection = None
            await connection.disconnect(nowait=True)
            raise
        return list(replies[-1]) if len(sent) > 1 else replies


_lines: dict[str, Line] = {}
_async_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncLine]] = WeakKeyDictionary()


def _forget_lines() -> None:
    _lines.clear()
    _async_lines.clear()


os.register_at_fork(after_in_child=_forget_lines)


def line_to(app: Celery, url: str) -> Line:
    """Return this process's connections to a server of ``app``."""
    return _lines.get(url) or _lines.setdefault(url, Line(runtime_of(app), url))


def async_line_to(app: Celery, url: str) -> AsyncLine:
    """Return this event loop's connection to a server of ``app``."""
    lines = _async_lines.setdefault(asyncio.get_running_loop(), {})
    return lines.get(url) or lines.setdefault(url, AsyncLine(runtime_of(app), url))


async def close_lines() -> None:
    """Close the connections of this event loop, at the end of its service."""
    for line in _async_lines.pop(asyncio.get_running_loop(), {}).values():
        await line.close()


def content(envelope: Envelope) -> str:
    """Return ``envelope`` as kombu would put it into a list."""
    properties = {
        **envelope.properties,
        "delivery_info": {"exchange": envelope.exchange, "routing_key": envelope.routing_key},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
    }
    return dumps(
        {
            "body": base64.b64encode(envelope.data.encode()).decode(),
            "content-encoding": envelope.encoding,
            "content-type": envelope.content_type,
            "headers": envelope.headers,
            "properties": properties,
        }
    )


def notes(app: Celery, messages: Sequence[Message]) -> list[Command]:
    """Return the commands that note that ``messages`` were sent, as far as their results are kept."""
    found = [queued_note(app, message.task_id) for message in messages if not message.ignore_result]
    # Whoever sends a message again must not change what a worker has noted meanwhile.
    return [("SET", key, value, "EX", seconds, "NX") for key, value, seconds in found]


class Batch(NamedTuple):
    """Messages that are sent together."""

    commands: list[Command]
    envelopes: list[Envelope]


def is_direct(app: Celery, messages: Sequence[Message]) -> bool:
    """Return whether ``messages`` can be sent without Celery's producers."""
    beside = sending_config(app).notes_beside_tasks
    return all((beside or message.ignore_result) and is_plain(app, message) for message in messages)


def batch(app: Celery, messages: Sequence[Message]) -> Batch:
    """Return the commands that put ``messages`` into their queues, and note the status of those that keep one."""
    envelopes = [Envelope(app, message) for message in messages]
    commands = notes(app, messages)
    for queue in dict.fromkeys(envelope.routing_key for envelope in envelopes):
        contents = [content(envelope) for envelope in envelopes if envelope.routing_key == queue]
        commands.append(("LPUSH", f"{_lists_of(app).prefix}{queue}", *contents))
    return Batch(commands, envelopes)


class Lists(NamedTuple):
    """How the keys of the lists begin and end of which the queues of an app consist, one list for each priority."""

    prefix: str
    suffixes: list[str]


_lists: WeakKeyDictionary[Celery, Lists] = WeakKeyDictionary()


def _lists_of(app: Celery) -> Lists:
    found = _lists.get(app)
    if found is None:
        options = app.conf.broker_transport_options
        separator = options.get("sep", Channel.sep)
        steps = options.get("priority_steps", Channel.priority_steps)
        suffixes = [f"{separator}{step}" if step else "" for step in steps]
        found = _lists[app] = Lists(options.get("global_keyprefix", ""), suffixes)
    return found


def _questions(app: Celery, messages: Sequence[Message]) -> Iterator[tuple[str, list[Command]]]:
    """Yield the queues of which it is time to ask how much they hold, with the commands that ask."""
    for queue in dict.fromkeys(message.queue for message in messages):
        if backpressure_of(app).must_ask(queue):
            prefix, suffixes = _lists_of(app)
            yield queue, [("LLEN", f"{prefix}{queue}{suffix}") for suffix in suffixes]


def _check(replies: Sequence[object]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _steps(app: Celery, messages: Sequence[Message]) -> Generator[Sequence[Command], list[Any], None]:
    """Yield what is to be asked of the broker so that ``messages`` are sent; takes the replies."""
    known = backpressure_of(app)
    for queue, questions in _questions(app, messages):
        known.note_waiting(queue, sum((yield questions)))
    for message in messages:
        known.refuse_if_full(message.queue)
    commands, envelopes = batch(app, messages)
    _check((yield commands))
    for envelope in envelopes:
        envelope.emit_published()


def publish(app: Celery, messages: Sequence[Message]) -> None:
    """Send messages: all of them, or none, unless it is known too late that the broker did not answer in time.

    Raises:
        QueueFullError: too many tasks wait in a queue.
        BrokerUnavailableError: the broker did not take them in time.
    """
    if not is_direct(app, messages):
        publish_by_celery(app, messages, count_waiting)
        return
    line = line_to(app, sending_config(app).broker_url)
    with unreachable_is_unavailable():
        run(_steps(app, messages), line.execute)


async def publish_async(app: Celery, messages: Sequence[Message]) -> None:
    """Do the same without blocking the event loop."""
    if not is_direct(app, messages):
        await publish_by_celery_async(app, messages, count_waiting)
        return
    line = async_line_to(app, sending_config(app).broker_url)
    with unreachable_is_unavailable():
        async with asyncio.timeout(DEADLINE):
            await run_async(_steps(app, messages), line.execute)
