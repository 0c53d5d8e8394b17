"""A kombu transport for Redis that loses no message when a worker is killed: it leases messages (``leases.py``).

``CELERY_BROKER_LEASE=0`` goes back to kombu's own transport. This one sends what that sends, over one client a channel.
"""

# mypy: disable-error-code="misc,attr-defined,arg-type,union-attr"
# The stubs of kombu leave out what its transports are made of.

import socket
from contextlib import suppress
from queue import Empty
from threading import get_ident
from time import monotonic
from typing import Self

from kombu import Connection
from kombu.log import get_logger
from kombu.transport import redis as stock
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from trinity_celery._compat.kombu import deliver
from trinity_celery._compat.redis import socket_of
from trinity_celery.brokers.redis.channel import OneClient
from trinity_celery.brokers.redis.leases import Leases, leases_on
from trinity_celery.connections.redis_connection import WritingConnection, WritingSSLConnection

PAUSE = 1.0  # seconds, after the server has refused a command
BATCH = 20  # messages that one claim may bring
AHEAD = 4  # times the prefetch count: so many messages may be unacknowledged while they are done fast
SPAN = 0.1  # seconds, in which it is counted how many are done

logger = get_logger(__name__)


class QoS(stock.QoS):
    """Which messages are unacknowledged; those that were leased are settled through their leases.

    As many may be as the prefetch count says, and more while they are done so fast that waiting for each next one would
    cost more than doing it: as many as were acknowledged in the last tenth of a second, up to four times the count. So
    behind a long task waits at most what was taken while the tasks before it were short.
    """

    channel: "Channel"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._since = 0.0
        self._done_since = self._done_before = 0
        self._waiting: int | None = None  # the thread, or greenlet, whose loop has no room

    def room(self) -> int:
        """Return how many more messages may be delivered now."""
        if not self.prefetch_count:
            return BATCH
        self._note_done(0)
        limit = max(self.prefetch_count, min(self._done_before, AHEAD * self.prefetch_count))
        return max(0, limit - (len(self._delivered) - len(self._dirty)))

    def can_consume(self) -> bool:
        """Return whether any message may be delivered now; if not, the loop is woken when there is room."""
        self._waiting = get_ident()  # first, as others may make room while it is counted
        if self.room() > 0:
            self._waiting = None
        return self._waiting is None

    def _note_done(self, count: int) -> None:
        now = monotonic()
        if now - self._since > SPAN:
            self._done_before = self._done_since if now - self._since < 2 * SPAN else 0
            self._since, self._done_since = now, 0
        self._done_since += count

    def _wake_loop(self) -> None:
        """Let a loop that waits for room go on; where the caller is that loop, it does so anyway."""
        waiting, self._waiting = self._waiting, None
        if waiting not in (None, get_ident()):
            self.channel.connection.cycle.ring()

    def append(self, message: object, delivery_tag: str) -> None:
        """Note a message that was delivered."""
        if self.channel.leases.holds(delivery_tag):
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        self._note_done(1)
        self.channel.leases.acknowledge(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)
        self._wake_loop()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Put a message at the end of its queue, or drop it."""
        if requeue:
            self.channel.leases.give_back([delivery_tag], "LPUSH")
            virtual.QoS.ack(self, delivery_tag)
            self._wake_loop()
        else:
            self.ack(delivery_tag)

    def restore_visible(self, *args: object, **options: object) -> None:
        """Put back what workers of kombu's own transport lost; on a full server, which refuses the lock, later."""
        with suppress(OutOfMemoryError):
            super().restore_visible(*args, **options)

    def restore_unacked(self, client: object = None) -> None:
        """Put back what was not acknowledged, in the order in which it came."""
        self.channel.leases.give_back(reversed(self._delivered))
        self._delivered.clear()


class Bell:
    """Two sockets by which a thread wakes the loop that waits for one of them, and for others."""

    def __init__(self) -> None:
        self._ear, self._hand = socket.socketpair()
        for end in (self._ear, self._hand):
            end.setblocking(False)

    def fileno(self) -> int:
        """Return what the loop waits for."""
        return self._ear.fileno()

    def ring(self) -> None:
        """Wake the loop."""
        with suppress(OSError):  # it is full, as nobody has heard it yet, or closed
            self._hand.send(b"!")

    def hush(self) -> None:
        """Let the loop sleep again."""
        with suppress(OSError):
            self._ear.recv(4096)

    def close(self) -> None:
        """Give up the sockets."""
        self._ear.close()
        self._hand.close()


class Source:
    """One queue and a connection on which to claim from it, or else to wait for one of its lists.

    A queue has a list for each step of priority and no command waits for several without taking something. So there is
    a source for each: it waits for its own list, and claims from all of them.
    """

    def __init__(self, channel: "Channel", queue: str, step: int) -> None:
        """Take the queue, and the step of priority to whose list messages come that this source waits for."""
        self._channel = channel
        self.queue = queue
        self._lists = {
            f"{channel.global_keyprefix}{channel.list_of(queue, each)}": queue for each in channel.priority_steps
        }
        self.step = step
        self._own_list = f"{channel.global_keyprefix}{channel.list_of(queue, step)}"
        self._resume_at = 0.0
        self._empty = step != channel.priority_steps[0]  # one of them looks into all lists at the start
        self._done: list[str] = []  # what the claim that is under way forgets
        self._script_is_known = False
        self.client = channel.new_client()
        self.type = f"LEASE {queue} {step}"
        self.sent = ""  # the command whose reply is awaited
        self.sent_at = 0.0
        self.wanted = 0  # how many messages the claim may bring

    def forget(self) -> None:
        """Expect no reply any more, as it has come, or its connection is gone."""
        self.sent, self.wanted = "", 0
        self._channel.claiming.discard(self)
        self._channel.free.add(self)

    def ask(self) -> None:
        """Send the next command, unless a reply is still to come."""
        if self.sent or monotonic() < self._resume_at:
            return
        self.wanted = 0 if self._empty else self._channel.room()
        if self._empty or self.wanted:
            command = self._wait() if self._empty else self._claim()
            self.sent, self.sent_at = ("wait" if self._empty else "claim"), monotonic()
            self._channel.free.discard(self)
            if self.wanted:
                self._channel.claiming.add(self)
            self.client.connection.send_command(*command)

    def _wait(self) -> list[object]:
        # Moves the next message to where it is. No other command waits for a list and takes nothing from it.
        return ["BLMOVE", self._own_list, self._own_list, "RIGHT", "RIGHT", self._channel.longest_wait]

    def _claim(self) -> list[object]:
        leases = self._channel.leases
        self._done = leases.take_done()
        command: list[object] = leases.claim_command(
            self._lists, self.wanted, self._done, whole=not self._script_is_known
        )
        return command

    def read(self) -> bool:
        """Read the reply, and deliver the messages that it holds.

        Raises:
            Empty: it holds none.
        """
        sent, wanted = self.sent, self.wanted
        self.forget()
        try:
            reply = self.client.parse_response(self.client.connection, "EVAL")
        except NoScriptError:
            self._script_is_known = False
            raise Empty from None
        except ResponseError as error:
            self._pause(error)
            raise Empty from None
        except self._channel.connection_errors:
            self.client.connection.disconnect()
            raise
        if sent != "claim":
            self._empty = reply is None
            raise Empty
        self._script_is_known = True
        self._channel.leases.confirm(self._done)
        self._empty = len(reply) < wanted
        # Read so late, they may be somebody else's by now.
        if not reply or monotonic() - self.sent_at > self._channel.lease / 2:
            raise Empty
        return self._deliver_all(reply)

    def _pause(self, error: ResponseError) -> None:
        """Try again later what the server refuses, such as to wait while its memory is full."""
        self._resume_at, self._empty = monotonic() + PAUSE, False
        if str(error) != self._channel.refusals.get(self.queue):
            logger.warning("queue %s: the broker refuses; trying again every %s s: %s", self.queue, PAUSE, error)
        self._channel.refusals[self.queue] = str(error)

    def _deliver_all(self, messages: list[tuple[bytes, bytes, int]]) -> bool:
        self._channel.end_turn(self.queue)
        tags = [bytes_to_str(tag) for _, tag, _ in messages]
        for tag in tags:
            self._channel.leases.hold(tag)
        delivered = 0
        try:
            for (content, _, redelivered), tag in zip(messages, tags, strict=True):
                delivered += 1
                self._deliver(content, tag, bool(redelivered))
        finally:
            self._channel.leases.give_back(reversed(tags[delivered:]))
        return True

    def _deliver(self, content: bytes, delivery_tag: str, redelivered: bool) -> None:
        channel = self._channel
        try:
            payload = loads(content.decode())
            delivery = payload["properties"].setdefault("delivery_info", {})
            delivery.setdefault("routing_key", self.queue)
            if redelivered:
                payload["headers"]["redelivered"] = delivery["redelivered"] = True
            channel.Message(payload, channel=channel)
        except Exception as error:
            logger.error("queue %s: a message that cannot be understood is set aside: %s", self.queue, error)
            channel.leases.set_aside(delivery_tag)
        else:
            deliver(channel.connection, payload, self.queue)


class Channel(OneClient, stock.Channel):
    """Kombu's channel, which claims messages instead of popping them."""

    QoS = QoS
    connection_class = WritingConnection
    connection_class_ssl = WritingSSLConnection
    lease: float = 10.0  # seconds
    delivery_limit: int = 5  # so many workers a message may take down; then it is set aside
    from_transport_options = (*stock.Channel.from_transport_options, "lease", "delivery_limit")

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.sources: dict[tuple[str, int], Source] = {}  # by queue and step of priority
        # There may be hundreds, so nothing that each turn of the loop does looks at them all.
        self.free: set[Source] = set()  # which await no reply
        self.claiming: set[Source] = set()  # which await messages
        self.refusals: dict[str, str] = {}  # what the server said last, by queue
        self._leases: Leases | None = None
        super().__init__(*args, **kwargs)

    @property
    def leases(self) -> Leases:
        """What this process has leased from this channel's server."""
        if self._leases is None:
            self._leases = leases_on(self._connparams(), self.global_keyprefix, self.lease, self.delivery_limit)
        return self._leases

    @property
    def longest_wait(self) -> float:
        """Seconds after which the server answers a source for whose list nothing comes.

        As all sources of a queue wait at the same time, together they ask as often as kombu does.
        """
        return float(self.connection.brpop_timeout * len(self.priority_steps))

    def basic_consume(self, queue: str, no_ack: bool, *args: object, **kwargs: object) -> str:
        """Begin to consume ``queue``. Only what is to be acknowledged is leased."""
        if not no_ack and queue not in self._fanout_queues:
            for step in self.priority_steps:
                if (queue, step) not in self.sources:
                    source = self.sources[queue, step] = Source(self, queue, step)
                    self.handlers[source.type] = source.read
                    self.free.add(source)
            self.leases.begin()
        tag: str = super().basic_consume(queue, no_ack, *args, **kwargs)
        return tag

    def room(self) -> int:
        """Return how many more messages may be claimed beside those that are on their way."""
        room: int = min(self.qos.room(), BATCH)
        return max(0, room - sum(source.wanted for source in self.claiming))

    def new_client(self) -> object:
        """Return a client with a connection of its own."""
        return self._create_client(asynchronous=True)

    def end_turn(self, queue: str) -> None:
        """Let the other queues come first after ``queue`` has brought something."""
        self._queue_cycle.rotate(queue)

    def free_sources(self) -> list[Source]:
        """Return the sources that may ask for something, beginning with the queue whose turn it is."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        active = [source for source in self.free if source.queue in queues]
        return sorted(active, key=lambda source: (queues.index(source.queue), source.step))

    def close(self) -> None:
        """Close this channel; a message that is on its way is delivered, and then put back with the others."""
        for source in self.sources.values():
            if source.sent == "claim":
                with suppress(Empty):
                    source.read()
        if self.sources:
            self.leases.flush()
        super().close()

    def _poll_error(self, type: str, **options: object) -> None:
        self.handlers[type]() if type in self.handlers else super()._poll_error(type, **options)


class Poller(stock.MultiChannelPoller):
    """Kombu's poller, which also polls sources."""

    def __init__(self) -> None:
        super().__init__()
        self.new_sockets: set[int] = set()
        self.hub: object = None  # the worker's loop, if it turns in one
        self._bell: Bell | None = None

    @property
    def fds(self) -> dict[int, tuple[stock.Channel, str]]:
        """The sockets to wait for; with a loop, those that are to be added to it.

        These are new, or the loop has given them up; a new one may have the number of an old one.
        """
        if self.hub is None:
            return super().fds
        known = self.hub.readers.keys() - self.new_sockets
        self.new_sockets.clear()
        return {fd: self._fd_to_chan[fd] for fd in self._fd_to_chan.keys() - known - self._paused_brpop.keys()}

    def ring(self) -> None:
        """Let the loop turn now; any thread may call it."""
        if self._bell:
            self._bell.ring()

    def _hang_bell(self) -> None:
        self._bell = Bell()
        self._fd_to_chan[self._bell.fileno()] = (None, "BELL")
        self.poller.register(self._bell.fileno(), self.eventflags)
        self.new_sockets.add(self._bell.fileno())

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._bell:
            self._unregister_from_poll(self._bell.fileno())
            self._bell.close()
            self._bell = None
        super().close()

    def _register(self, channel: Channel, client: object, type: str) -> None:
        super()._register(channel, client, type)
        self.new_sockets.add(socket_of(client.connection).fileno())

    def _register_BRPOP(self, channel: Channel) -> None:  # noqa: N802
        if not channel.sources:
            super()._register_BRPOP(channel)
        elif not self._bell:
            self._hang_bell()
        for source in channel.free_sources():
            if not self._client_registered(channel, source.client, source.type):
                self._register(channel, source.client, source.type)
            source.ask()

    def on_poll_start(self) -> None:
        """Send what is to be sent in this turn of the loop, or before waiting for one event where no loop turns."""
        super().on_poll_start()
        if not self._in_protected_read:
            for channel in self._channels:
                if channel.sources:
                    channel.leases.turn(claiming=bool(channel.claiming))

    def on_readable(self, fileno: int) -> None:
        """Read what has come; what was claimed is delivered in any case."""
        if self._bell and fileno == self._bell.fileno():
            self._bell.hush()
            return
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
                    source.forget()

    def _patience(self, channel: Channel) -> float:
        return channel.longest_wait + float(channel.health_check_interval)


class Transport(stock.Transport):
    """Kombu's Redis transport with leases."""

    Channel = Channel

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

    def establish_connection(self) -> Self:
        """Connect, if the server takes writes: whoever needs it waits, as for one that cannot be reached.

        Raises:
            redis.RedisError: it does not.
        """
        connection = super().establish_connection()
        channel = self._avail_channels[-1]
        try:
            channel.client.zrem("leases", "")  # a write that takes no memory
        except Exception:
            self._avail_channels.remove(channel)
            channel.close()
            raise
        return connection

    def register_with_event_loop(self, connection: Connection, loop: object) -> None:
        """Let the worker's loop read what comes."""
        self.cycle.hub = loop
        super().register_with_event_loop(connection, loop)


def keep_running_tasks(connection: object) -> None:
    """Let ``connection``, which is broken, be closed without giving back messages whose tasks still run."""
    if connection is not None and isinstance(connection.transport, Transport):
        for channel in connection.transport.channels or ():
            channel.do_restore = False
