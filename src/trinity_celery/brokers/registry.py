"""The kinds of brokers that can be used, by the scheme of ``CELERY_BROKER_URL``."""

from functools import cache
from importlib import import_module
from urllib.parse import urlsplit

from trinity_celery.brokers.base import Broker

# A module is imported when its broker is used: each brings a client.
BROKERS = {
    "redis": "trinity_celery.brokers.redis.broker:BROKER",
    "rediss": "trinity_celery.brokers.redis.broker:BROKER",
    "amqp": "trinity_celery.brokers.rabbitmq.broker:BROKER",
    "amqps": "trinity_celery.brokers.rabbitmq.broker:ENCRYPTED_BROKER",
}


@cache
def find_broker(url: str) -> Broker:
    """Return what is to be known about a broker. Its client is imported when it is asked for.

    Args:
        url: of the broker, as in ``CELERY_BROKER_URL``; only its scheme counts.

    Raises:
        LookupError: it is of no kind that can be used; the message says which can.
    """
    place = BROKERS.get(urlsplit(url).scheme)
    if place is None:
        raise LookupError(
            "is not the URL of a broker that this project uses: "
            f"begin it with {' or '.join(f'{scheme}://' for scheme in BROKERS)}"
        )
    module, _, name = place.partition(":")
    broker: Broker = getattr(import_module(module), name)
    return broker
