"""Which of the brokers that this project can use lies at a URL."""

from urllib.parse import urlsplit

from shared.broker import Broker
from shared.brokers import BROKERS


def find_broker(url: str) -> Broker:
    """Return what is to be known about the broker at ``url``, which ``shared.celery_settings`` has accepted."""
    return BROKERS[urlsplit(url).scheme]
