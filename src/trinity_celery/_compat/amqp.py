"""What the library uses of py-amqp's private names."""

from collections.abc import Callable

from amqp import Channel, Connection, spec

from trinity_celery._compat import Names

Methods = dict[tuple[int, int], object]

CALLED: Names = {
    "amqp.connection:Connection": (
        "_METHODS",
        "drain_events(timeout)",
        "collect()",
        "server_properties",
    ),
    "amqp.channel:Channel": ("events",),
    "amqp.spec": ("method(method_sig, args)",),
    "amqp.spec:Connection": ("Blocked",),
}

OVERRIDDEN: Names = {
    "amqp.connection:Connection": (
        "_METHODS",
        "_on_blocked()",
        "_on_unblocked()",
        "close(reply_code, reply_text, method_sig, argsig)",
        "collect()",
    ),
    "amqp.channel:Channel": (
        "_on_basic_cancel(consumer_tag)",
        (
            "basic_consume(queue, consumer_tag, no_local, no_ack, exclusive, nowait, callback, arguments, on_cancel, "
            "argsig)"
        ),
        "basic_publish(msg, exchange, routing_key, mandatory, immediate, timeout, confirm_timeout, argsig)",
        "basic_publish_confirm(*args, **kwargs)",
        "close(reply_code, reply_text, method_sig, argsig)",
        "connection",
    ),
}


def methods_with_reason() -> Methods:
    """Return the methods that a connection knows, with the reason in that which tells of an alarm.

    Uses ``Connection._METHODS`` and ``spec.method``: py-amqp leaves out the reason, so that ``on_blocked``, which is
    public, does not get it. https://www.rabbitmq.com/docs/connection-blocked
    """
    methods: Methods = Connection._METHODS  # type: ignore[attr-defined]
    return {**methods, spec.Connection.Blocked: spec.method(spec.Connection.Blocked, "s")}


def listen(channel: Channel, event: str, callback: Callable[..., object]) -> None:
    """Call ``callback`` whenever the broker sends ``event``, such as ``basic_return``, on ``channel``.

    Uses ``Channel.events``, which is not documented: kombu itself adds its callbacks there.
    """
    channel.events[event].add(callback)  # type: ignore[attr-defined]
