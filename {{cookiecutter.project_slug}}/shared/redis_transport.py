"""A kombu transport for Redis that loses no message when a worker is killed: it leases messages (``shared.leases``).

``CELERY_BROKER_LEASE=0`` goes back to kombu's own transport, which this one only changes where tasks are consumed.
"""

# mypy: disable-error-code="misc,attr-defined,arg-type,union-attr"
# The stubs of kombu leave out what its transports are made of.

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty
from time import monotonic
from typing import Any

from kombu.log import get_logger
from kombu.transport import redis as stock
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import ResponseError

from shared.leases import Leases, leases_on

PAUSE = 1.0  # seconds, after the server has refused a command

logger = get_logger(__name__)


class QoS(stock.QoS):
    """Which messages are unacknowledged; those that were leased are settled through their leases."""

    channel: "Channel"

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message that was delivered."""
        if self.channel.leases.holds(delivery_tag):
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        self.channel.leases.acknowledge(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Put a message at the end of its queue, or drop it."""
        if requeue:
            self.channel.leases.give_back([delivery_tag], "LPUSH")
            virtual.QoS.ack(self, delivery_tag)
        else:
            self.ack(delivery_tag)

    def restore_unacked(self, client: Any = None) -> None:
        """Put back what was not acknowledged, in the order in which it came."""
        self.channel.leases.give_back(reversed(self._delivered))
        self._delivered.clear()


class Source:
    """One queue and a connection on which to claim from it, or else to wait until there is something to claim."""

    def __init__(self, channel: "Channel", queue: str) -> None:
        self._channel = channel
        self._queue = queue
        self._lists = {
            f"{channel.global_keyprefix}{channel._q_for_pri(queue, step)}": queue for step in channel.priority_steps
        }
        self._resume_at = 0.0
        self._refusal = ""
        self._empty = False
        self.client = channel._create_client(asynchronous=True)
        self.type = f"LEASE {queue}"
        self.sent = ""  # the command whose reply is awaited
        self.sent_at = 0.0

    def ask(self) -> None:
        """Send the next command, unless a reply is still to come."""
        if not self.sent and monotonic() >= self._resume_at and (self._empty or self._channel.may_claim()):
            self.sent, self.sent_at = ("wait" if self._empty else "claim"), monotonic()
            self.client.connection.send_command(*self._command())

    def _command(self) -> list[Any]:
        if self.sent == "claim":
            return self._channel.leases.claim_command(self._lists)
        # Moves the next message to where it is. No other command waits for a list and takes nothing from it.
        key = next(iter(self._lists))
        return ["BLMOVE", key, key, "RIGHT", "RIGHT", self._channel.connection.brpop_timeout]

    def read(self) -> bool:
        """Read the reply, and deliver the message if it holds one.

        Raises:
            Empty: it holds none.
        """
        sent, self.sent = self.sent, ""
        try:
            reply = self.client.parse_response(self.client.connection, "EVAL")
        except ResponseError as error:
            self._pause(error)
            raise Empty from None
        except self._channel.connection_errors:
            self.client.connection.disconnect()
            raise
        self._empty = sent == "claim" and not reply
        # Read so late, it may be somebody else's by now.
        if sent != "claim" or not reply or monotonic() - self.sent_at > self._channel.lease / 2:
            raise Empty
        return self._deliver(*reply)

    def _pause(self, error: ResponseError) -> None:
        """Try again later what the server refuses, such as to wait while its memory is full."""
        self._resume_at, self._empty = monotonic() + PAUSE, False
        if str(error) != self._refusal:
            logger.warning("queue %s: the broker refuses; trying again every %s s: %s", self._queue, PAUSE, error)
        self._refusal = str(error)

    def _deliver(self, _: bytes, content: bytes, tag: bytes, deliveries: int) -> bool:
        channel, delivery_tag = self._channel, bytes_to_str(tag)
        channel._queue_cycle.rotate(self._queue)
        channel.leases.hold(delivery_tag)
        try:
            payload = loads(content.decode())
            delivery = payload["properties"].setdefault("delivery_info", {})
            delivery.setdefault("routing_key", self._queue)
            if deliveries:
                payload["headers"]["redelivered"] = delivery["redelivered"] = True
            channel.Message(payload, channel=channel)
        except Exception as error:
            logger.error("queue %s: a message that cannot be understood is set aside: %s", self._queue, error)
            channel.leases.set_aside(delivery_tag)
            raise Empty from None
        channel.connection._deliver(payload, self._queue)
        return True


class Channel(stock.Channel):
    """Kombu's channel, which claims messages instead of popping them."""

    QoS = QoS
    lease: float = 10.0  # seconds
    delivery_limit: int = 5  # so many workers a message may take down; then it is set aside
    from_transport_options = (*stock.Channel.from_transport_options, "lease", "delivery_limit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sources: dict[str, Source] = {}
        self._leases: Leases | None = None
        super().__init__(*args, **kwargs)

    @property
    def leases(self) -> Leases:
        """What this process has leased from this channel's server."""
        if self._leases is None:
            self._leases = leases_on(self._connparams(), self.global_keyprefix, self.lease, self.delivery_limit)
        return self._leases

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:
        """Begin to consume ``queue``. Only what is to be acknowledged is leased."""
        if not no_ack and queue not in self._fanout_queues and queue not in self.sources:
            source = self.sources[queue] = Source(self, queue)
            self.handlers[source.type] = source.read
            self.leases.begin()
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def may_claim(self) -> bool:
        """Return whether one more message may be claimed beside those that are on their way."""
        claims = sum(source.sent == "claim" for source in self.sources.values())
        return not self.qos.prefetch_count or self.qos.can_consume_max_estimate() > claims

    def active_sources(self) -> Iterator[Source]:
        """Yield the sources that are consumed, beginning with the one whose turn it is."""
        for queue in self._queue_cycle.consume(len(self.active_queues)):
            if queue in self.sources:
                yield self.sources[queue]

    def close(self) -> None:
        """Close this channel; a message that is on its way is delivered, and then put back with the others."""
        for source in self.sources.values():
            if source.sent == "claim":
                with suppress(Empty):
                    source.read()
        super().close()

    def _poll_error(self, type: str, **options: Any) -> None:
        self.handlers[type]() if type in self.handlers else super()._poll_error(type, **options)


class Poller(stock.MultiChannelPoller):
    """Kombu's poller, which also polls sources."""

    def _register_BRPOP(self, channel: Channel) -> None:  # noqa: N802
        if not channel.sources:
            super()._register_BRPOP(channel)
        for source in channel.active_sources():
            if not self._client_registered(channel, source.client, source.type):
                source.sent = ""
                self._register(channel, source.client, source.type)
            source.ask()

    def on_readable(self, fileno: int) -> None:
        """Read what has come; what was claimed is delivered in any case."""
        channel, type = self._fd_to_chan.get(fileno, (None, ""))
        if channel is not None and type not in ("BRPOP", "LISTEN"):
            channel.handlers[type]()
        else:
            super().on_readable(fileno)

    def maybe_check_brpop_health(self) -> None:
        """Give up connections on which a reply is long overdue."""
        super().maybe_check_brpop_health()
        for channel in self._channels:
            overdue = monotonic() - self._patience(channel)
            for source in channel.sources.values():
                if source.sent and source.sent_at < overdue:
                    logger.warning("the broker does not answer; dropping the connection")
                    source.client.connection.disconnect()

    def _patience(self, channel: Channel) -> float:
        return float(channel.connection.brpop_timeout + channel.health_check_interval)


class Transport(stock.Transport):
    """Kombu's Redis transport with leases."""

    Channel = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()


def keep_running_tasks(connection: Any) -> None:
    """Let ``connection``, which is broken, be closed without giving back messages whose tasks still run."""
    if isinstance(connection.transport, Transport):
        for channel in connection.transport.channels or ():
            channel.do_restore = False
