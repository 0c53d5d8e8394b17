"""More queues than the project has."""

from typing import Any

from kombu import Exchange

VARIABLE = "BENCH_QUEUES"  # how many
COUNTS = (1, 10, 50)


def names(count: int) -> list[str]:
    """Return what they are called."""
    return [f"bench-{count}-{number}" for number in range(count)]


def add_queues(conf: Any, count: int) -> None:
    """Add queues that are like the project's first one."""
    first = conf.task_queues[0]
    for name in names(count):
        own = first.exchange.name == first.name
        exchange = Exchange(name, type=first.exchange.type) if own else first.exchange
        conf.task_queues.append(type(first)(name, exchange, routing_key=name, queue_arguments=first.queue_arguments))
    options = conf.broker_transport_options
    if "lease" in options:  # a connection for each queue and each step of priority, as for the project's own
        conf.broker_transport_options = {**options, "max_connections": 20 + 5 * len(conf.task_queues)}
