"""A connection to RabbitMQ on which every message that is sent is confirmed, several of them together.

https://www.rabbitmq.com/docs/confirms
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from amqp import Message as Content
from celery import Celery
from kombu import Connection, Queue

from trinity_celery._compat.amqp import listen
from trinity_celery.brokers.rabbitmq.transport import BlockedError, Channel
from trinity_celery.connections.timeouts import DEADLINE, UNREACHABLE
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.messages.backpressure import backpressure_of
from trinity_celery.messages.envelope import Envelope

Parcel = Sequence[Envelope]  # what one sender wants to be sent
Problem = BrokerUnavailableError | None


def count_waiting(connection: Connection, queue: str) -> int:
    """Return how many tasks wait in ``queue`` now; raise whatever the client raises."""
    connection.connect()  # a pool also gives out connections that were closed after an error
    # A channel of its own: a broker closes the one on which somebody asked for a queue that is not there.
    channel: Any = connection.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        return 0  # nothing was ever sent there
    finally:
        channel.close()


class Confirmations:
    """Which messages of a channel await their confirmation, by their numbers, and what became of the others."""

    def __init__(self, channel: Channel) -> None:
        self._last = 0
        self._awaited: dict[int, int] = {}  # the number of a message and that of its parcel
        self.refused: set[int] = set()
        self.unroutable: set[str] = set()
        listen(channel, "basic_ack", self._settle)
        listen(channel, "basic_nack", self._refuse)
        listen(channel, "basic_return", self._give_back)

    def __bool__(self) -> bool:
        """Return whether any is awaited."""
        return bool(self._awaited)

    def begin(self) -> None:
        """Forget what became of the messages up to now."""
        self.refused.clear()
        self.unroutable.clear()

    def add(self, parcel: int) -> None:
        """Note a message that has just been published; the broker counts them as well."""
        self._last += 1
        self._awaited[self._last] = parcel

    def _settle(self, number: int, multiple: bool) -> list[int]:
        numbers = [each for each in self._awaited if each <= number] if multiple else [number]
        return [self._awaited.pop(each) for each in numbers if each in self._awaited]

    def _refuse(self, number: int, multiple: bool) -> None:
        self.refused.update(self._settle(number, multiple))

    def _give_back(self, error: Exception, exchange: str, routing_key: str, message: object) -> None:
        self.unroutable.add(routing_key)


class Wire:
    """One connection to the broker, used by one thread at a time."""

    def __init__(self, app: Celery) -> None:
        self._backpressure = backpressure_of(app)
        # Nobody would answer heartbeats in between, and confirmations are counted here.
        # Half of the deadline, as there may be two questions: whether the queue is full, and what is to be sent.
        transport_options = {"confirm_publish": False, "read_timeout": DEADLINE / 2, "write_timeout": DEADLINE / 2}
        self._connection = app.connection_for_write(heartbeat=0, transport_options=transport_options)
        self._lost = (*self._connection.connection_errors, *self._connection.channel_errors)
        self._queues = app.conf.task_queues
        self._channel: Any = None
        self._asking: Any = None  # a channel of its own, as the messages on the other one are counted
        self._confirmations: Confirmations
        self._declared: set[str] = set()

    def send(self, parcels: Sequence[Parcel], deadline: float) -> list[Problem]:
        """Send all of it, and return for each parcel why it was not taken, if it was not.

        Raises:
            TimeoutError: the broker has not confirmed it at ``deadline``.
            BlockedError: the broker has an alarm.
            OSError: the connection was lost, perhaps long ago. The next call makes a new one.
        """
        with self._in_use():
            return self._send(parcels, deadline)

    def check(self) -> None:
        """Declare every queue, once, and look whether the broker has an alarm; raise what ``send`` does."""
        with self._in_use():
            for queue in self._queues:
                self._declare(queue, queue.routing_key)

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Connect, unless the broker has an alarm or takes messages on this connection already."""
        try:
            if self._channel is None:
                self._open()
            self._asking.look_for_alarm()
            yield
        except BlockedError:
            raise  # kept, since the broker would not notice that it is closed, and says here when the alarm is over
        except BaseException as error:
            self._close()
            if isinstance(error, self._lost) and not isinstance(error, UNREACHABLE):
                raise ConnectionError(str(error)) from error  # AMQP's own errors are of no kind that others know
            raise

    def _send(self, parcels: Sequence[Parcel], deadline: float) -> list[Problem]:
        problems = [self._full(parcel) for parcel in parcels]
        self._confirmations.begin()
        for number, parcel in enumerate(parcels):
            if not problems[number]:
                self._publish(number, parcel)
        while self._confirmations:
            self._connection.drain_events(timeout=max(0.001, deadline - monotonic()))
        self._connection.connection.taken_at = monotonic()
        self._declared -= self._confirmations.unroutable
        return [problem or self._refusal(*each) for problem, each in zip(problems, enumerate(parcels), strict=True)]

    def _full(self, parcel: Parcel) -> Problem:
        """Return what says that a queue is full, if one is."""
        try:
            for queue in dict.fromkeys(envelope.queue.name for envelope in parcel):
                if self._backpressure.must_ask(queue):
                    self._backpressure.note_waiting(queue, count_waiting(self._connection, queue))
                self._backpressure.refuse_if_full(queue)
        except BrokerUnavailableError as error:
            return error
        return None

    def _refusal(self, number: int, parcel: Parcel) -> Problem:
        if number in self._confirmations.refused:
            return BrokerUnavailableError("the broker refuses the task")
        for envelope in parcel:
            if envelope.routing_key in self._confirmations.unroutable:
                return BrokerUnavailableError(f"the queue {envelope.queue.name} is gone")
        return None

    def _publish(self, number: int, parcel: Parcel) -> None:
        for envelope in parcel:
            self._declare(envelope.queue, envelope.routing_key)
            self._channel.basic_publish(
                _content(envelope),
                exchange=envelope.exchange,
                routing_key=envelope.routing_key,
                mandatory=True,  # or what no queue gets is confirmed all the same
            )
            self._confirmations.add(number)

    def _declare(self, queue: Queue, routing_key: str) -> None:
        if routing_key not in self._declared:
            queue.bind(self._channel).declare()
            self._declared.add(routing_key)

    def _open(self) -> None:
        self._connection.connect()
        self._asking = self._connection.channel()
        self._channel = self._connection.default_channel
        self._channel.confirm_select()
        self._confirmations = Confirmations(self._channel)

    def _close(self) -> None:
        # Without a word to a broker that may not listen.
        self._channel = None
        self._declared.clear()
        with suppress(Exception):
            self._connection.collect()


def _content(envelope: Envelope) -> Content:
    return Content(
        envelope.data,
        content_type=envelope.content_type,
        content_encoding=envelope.encoding,
        application_headers=envelope.headers,
        priority=0,
        **envelope.properties,
    )
