"""A process that takes messages and never acknowledges them, for tests that kill it: URL QUEUE OPTIONS.

It prints each body as it comes; with ``"mute": true`` among the options it has taken one and not yet read it.
"""

import json
import sys
import time
from typing import Any

from kombu import Connection, Consumer, Queue

from trinity_celery.brokers.redis import transport as redis_transport

TRANSPORT = "trinity_celery.brokers.redis.transport:Transport"


def connect(url: str, options: dict[str, Any]) -> Connection:
    """Connect through the transport with leases, or through kombu's own where ``options`` say no lease."""
    return Connection(url, transport=TRANSPORT if options.get("lease") else None, transport_options=options)


def hang(*_: Any) -> None:
    """Say that a message is on its way, and never look at it."""
    print("claimed", flush=True)
    time.sleep(600)


def main(url: str, queue: str, options: str) -> None:
    """Consume until killed."""
    parsed = json.loads(options)
    if parsed.pop("mute", False):
        redis_transport.Source.read = hang  # type: ignore[assignment,method-assign]
    with connect(url, parsed) as connection, connection.channel() as channel:
        consumer = Consumer(channel, [Queue(queue)], accept=["json"], prefetch_count=1)
        consumer.register_callback(lambda body, _: print(body, flush=True))
        with consumer:
            while True:
                connection.drain_events()


if __name__ == "__main__":
    main(*sys.argv[1:])
