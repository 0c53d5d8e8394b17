"""What the library uses of kombu's private names."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from kombu import Connection
from kombu.message import Message
from kombu.transport import TRANSPORT_ALIASES

from trinity_celery._compat import Names

if TYPE_CHECKING:
    from kombu.transport.virtual import Channel, Transport

CALLED: Names = {
    "kombu.message:Message": ("_reraise_error()", "errors"),
    "kombu.transport": ("TRANSPORT_ALIASES",),
    "kombu.transport.native_delayed_delivery": ("MAX_NUMBER_OF_BITS_TO_USE",),
    "kombu.transport.redis:Channel": ("_size(queue)", "qos"),
    "kombu.transport.redis:PrefixedStrictRedis": ("parse_response(connection, command_name)", "connection"),
    "kombu.transport.redis:QoS": ("restore_unacked_once()",),
    "kombu.transport.virtual:Transport": ("_deliver(message, queue)",),
    "kombu.utils.scheduling:round_robin_cycle": ("consume(n)", "rotate(last_used)"),
}

OVERRIDDEN: Names = {
    "kombu.connection:Connection": (
        "_establish_connection()",
        "ensure_connection(*args, **kwargs)",
        "declared_entities",
    ),
    "kombu.transport.redis:Channel": (
        "_closing",
        "_connparams(asynchronous)",
        "_create_client(asynchronous)",
        "_delete(queue, exchange, routing_key, pattern, *args, **kwargs)",
        "_expires",
        "_fanout_queues",
        "_has_queue(queue, **kwargs)",
        "_lookup(exchange, routing_key, default)",
        "_poll_error(type, **options)",
        "_purge(queue)",
        "_put(queue, message, **kwargs)",
        "_q_for_pri(queue, pri)",
        "_queue_bind(exchange, routing_key, pattern, queue)",
        "_queue_cycle",
        "_refresh_bindings(queues)",
        "_size(queue)",
        "active_queues",
        "basic_consume(queue, *args, **kwargs)",
        "basic_publish(message, exchange, routing_key, **kwargs)",
        "close()",
        "conn_or_acquire(client)",
        "connection_class",
        "connection_class_ssl",
        "connection_errors",
        "do_restore",
        "from_transport_options",
        "global_keyprefix",
        "handlers",
        "health_check_interval",
        "pool",
        "priority_steps",
        "sep",
    ),
    "kombu.transport.redis:MultiChannelPoller": (
        "_channels",
        "_client_registered(channel, client, cmd)",
        "_fd_to_chan",
        "_in_protected_read",
        "_paused_brpop",
        "_register(channel, client, type)",
        "_register_BRPOP(channel)",
        "_unregister_from_poll(fileno)",
        "close()",
        "eventflags",
        "fds",
        "maybe_check_brpop_health()",
        "on_poll_start()",
        "on_readable(fileno)",
        "poller",
    ),
    "kombu.transport.redis:QoS": (
        "_delivered",
        "_dirty",
        "ack(delivery_tag)",
        "append(message, delivery_tag)",
        "can_consume()",
        "prefetch_count",
        "reject(delivery_tag, requeue)",
        "restore_unacked(client)",
        "restore_visible(start, num, interval)",
    ),
    "kombu.transport.virtual:QoS": ("ack(delivery_tag)", "append(message, delivery_tag)"),
    "kombu.transport.redis:Transport": (
        "_avail_channels",
        "brpop_timeout",
        "channels",
        "cycle",
        "establish_connection()",
        "register_with_event_loop(connection, loop)",
    ),
    "kombu.transport.pyamqp:Transport": ("Connection",),
    "kombu.transport.pyamqp:SSLTransport": ("Connection",),
}


class Pauses(TypedDict):
    """Seconds between attempts to connect: the first, how much longer each next one is, and the longest."""

    interval_start: int
    interval_step: int
    interval_max: int


def register_transport(name: str, path: str) -> None:
    """Let ``name``, as the scheme of a URL or as ``broker_transport``, lead to the class at ``path``.

    Changes ``kombu.transport.TRANSPORT_ALIASES``: the path of a class as ``broker_transport`` is public, but stands in
    the worker's log, and is one class for encrypted connections and others.
    """
    TRANSPORT_ALIASES[name] = path


def raise_decode_error(message: Message) -> None:
    """Raise what was wrong when ``message`` was unpacked. Uses ``Message._reraise_error``, as kombu's consumers do."""
    message._reraise_error()


def intercept_connecting(
    connection: Connection, attempt: Callable[[Callable[[], object]], object], pauses: Pauses
) -> None:
    """Let ``attempt`` make each attempt of ``connection`` to connect; it gets the function that makes one.

    Replaces ``Connection._establish_connection``: the public ``errback`` of ``ensure_connection`` is called after an
    attempt and not before it, and Celery passes its own.

    Args:
        connection: on which both methods are replaced.
        attempt: is called in place of each attempt.
        pauses: arguments of ``ensure_connection`` from now on, such as ``interval_max`` (seconds).
    """
    connection._establish_connection = partial(attempt, connection._establish_connection)  # type: ignore[method-assign]
    connection.ensure_connection = partial(connection.ensure_connection, **pauses)  # type: ignore[method-assign]


def queue_size(channel: "Channel", queue: str) -> int:
    """Return how many messages wait in ``queue``, in a virtual transport.

    Uses ``Channel._size``: the public ``queue_declare`` makes the queue, or fails if it is passive and there is none.
    """
    return channel._size(queue)


def deliver(transport: "Transport", message: Mapping[str, object], queue: str) -> None:
    """Hand a message of ``queue`` to whoever consumes it.

    Uses ``virtual.Transport._deliver``, as every virtual transport does with what it has read.
    """
    transport._deliver(message, queue)
