"""Connections to RabbitMQ that know when it takes no messages, since its memory or its disk runs short.

It then reads nothing more from whoever has sent something, tells them why, and takes what they have sent when the alarm
is over; meanwhile it does not even notice that they close the connection.
https://www.rabbitmq.com/docs/connection-blocked
"""

from contextlib import suppress
from time import monotonic
from typing import Any, ClassVar

from amqp import Message
from amqp.exceptions import RecoverableChannelError, RecoverableConnectionError
from celery.utils.log import get_logger
from kombu.exceptions import OperationalError
from kombu.transport import pyamqp

from trinity_celery._compat.amqp import Methods, listen, methods_with_reason
from trinity_celery._compat.kombu import register_transport

FRESH = 1.0  # seconds for which RabbitMQ is believed to go on taking messages after it has taken one
PIDBOX = "celery.pidbox"  # how the exchanges of remote control end
NOWHERE = "nowhere"  # the name of no queue

register_transport("amqp", f"{__name__}:Transport")
register_transport("amqps", f"{__name__}:SSLTransport")

logger = get_logger(__name__)


class BlockedError(OperationalError):
    """RabbitMQ takes no messages now. It is none of the errors after which Celery connects anew and sends again."""


class NoQueueError(RecoverableChannelError):
    """No queue gets a message. Celery declares the queue anew and sends it again, as its retry policy says."""


class Channel(pyamqp.Channel):
    """A channel on which a sender meets an alarm before it sends anything, and that says which queue is gone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._taken: dict[str, str] = {}  # the queue by the tag of its consumer
        self._is_returned = False  # whether no queue gets the message that is being published
        listen(self, "basic_return", self._note_return)

    def look_for_alarm(self) -> None:
        """Ask whether RabbitMQ takes messages, unless it has just taken one.

        Raises:
            BlockedError: it has an alarm.
            RecoverableConnectionError: it had one. What was sent then is confirmed now, and would be taken for what
                comes next: connect again.
        """
        connection = self.connection
        if connection is None:
            raise RecoverableConnectionError("connection already closed")
        connection.look_for_alarm()
        if monotonic() - connection.taken_at > FRESH:
            connection.is_looking = True
            try:
                self._publish_confirmed(Message(""), routing_key=NOWHERE)
            finally:
                connection.is_looking = False

    def basic_publish_confirm(self, msg: object, exchange: str = "", *arguments: object, **options: object) -> Any:
        """Publish, and wait for the confirmation; whoever cannot wait for the end of an alarm sends nothing in one."""
        connection = self.connection
        if connection and (connection.is_in_a_hurry or exchange.endswith(PIDBOX)):
            try:
                self.look_for_alarm()
            except BlockedError as error:
                if connection.is_in_a_hurry:
                    raise
                # The loop of a worker, which must not wait: it begins with a question to the others, say.
                logger.warning("what workers tell each other is dropped: %s", error)
                connection.collect()
                return None
        return self._publish_confirmed(msg, exchange, *arguments, **options)

    def basic_publish(self, *arguments: Any, **options: Any) -> Any:
        """Publish without a confirmation; what a worker tells beside its tasks is dropped in an alarm."""
        if self.connection and self.connection.is_of_loop and self.connection.has_alarm():
            return None
        return super().basic_publish(*arguments, **options)

    def basic_consume(self, queue: str = "", consumer_tag: str = "", *arguments: Any, **options: Any) -> Any:
        """Begin to take messages."""
        self._taken[consumer_tag] = queue
        return super().basic_consume(queue, consumer_tag, *arguments, **options)

    def _on_basic_cancel(self, consumer_tag: str) -> None:
        logger.warning(
            "the queue %s was deleted, and what waited in it is lost; it is declared again",
            self._taken.get(consumer_tag, ""),
        )
        super()._on_basic_cancel(consumer_tag)  # type: ignore[misc]

    def close(self, *arguments: Any, **options: Any) -> Any:
        """Close it; in an alarm RabbitMQ would not answer, so that the connection is given up."""
        if self.connection and self.connection.alarm:
            self.connection.collect()
            return None
        return super().close(*arguments, **options)

    def _publish_confirmed(self, *arguments: object, **options: object) -> object:
        self._is_returned = False
        result = super().basic_publish_confirm(*arguments, **options)
        self.connection.taken_at = monotonic()
        if self._is_returned:
            self.connection.client.declared_entities.clear()
            raise NoQueueError("no queue gets this message: it is sent to an exchange to which no queue is bound")
        return result

    def _note_return(self, *_: object) -> None:
        self._is_returned = True


class Connection(pyamqp.Connection):
    """A connection that keeps what RabbitMQ says about its alarms.

    Attributes:
        alarm: what runs short; empty if nothing does.
        is_looking: whether somebody asks for one.
        taken_at: when it last confirmed a message, by the monotonic clock.
    """

    Channel = Channel
    _METHODS: ClassVar[Methods] = methods_with_reason()
    alarm = ""
    is_looking = False
    taken_at = float("-inf")

    @property
    def is_in_a_hurry(self) -> bool:
        """Whether it is of a sender, which waits for no answer without end; a worker does."""
        return bool(self.read_timeout)

    @property
    def is_of_loop(self) -> bool:
        """Whether the loop of a worker takes messages or sends events here: it must not wait for confirmations."""
        return not (self.is_in_a_hurry or self.confirm_publish)

    def has_alarm(self) -> bool:
        """Return whether RabbitMQ has an alarm, as far as it has said so here."""
        if self.alarm:
            with suppress(TimeoutError):
                self.drain_events(timeout=0)
        return bool(self.alarm)

    def look_for_alarm(self) -> None:
        """Look whether an alarm is over.

        Raises:
            BlockedError: it is not.
            RecoverableConnectionError: it is; this connection is closed now.
        """
        if not self.alarm:
            return
        said = self.alarm
        with suppress(TimeoutError):
            self.drain_events(timeout=0)
        if self.alarm:
            raise BlockedError(said)
        self.collect()
        raise RecoverableConnectionError("an alarm of RabbitMQ is over")

    def close(self, *arguments: Any, **options: Any) -> Any:
        """Close it, without a word in an alarm, when RabbitMQ would not answer."""
        if self.alarm:
            self.collect()
            return None
        return super().close(*arguments, **options)

    def _on_blocked(self, reason: str) -> None:
        self.alarm = f"RabbitMQ has an alarm and takes no messages: it is {reason} (rabbitmqctl status tells more)"
        if self.is_in_a_hurry or self.is_looking:
            raise BlockedError(self.alarm)
        logger.warning("%s; what tasks send waits for its end", self.alarm)

    def _on_unblocked(self) -> None:
        self.alarm = ""
        if not self.is_in_a_hurry:
            logger.warning("RabbitMQ takes messages again")


class Transport(pyamqp.Transport):
    """Celery's transport for RabbitMQ, with such connections."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """The same, encrypted."""

    Connection = Connection
