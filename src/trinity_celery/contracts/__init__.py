"""Typed tasks that cross services."""

from trinity_celery.contracts.contract import Contract, Payload
from trinity_celery.contracts.publisher import BrokerPublisher, InMemoryPublisher, Publisher, publishing_through
from trinity_celery.contracts.sending import relay_outbox

__all__ = [
    "BrokerPublisher",
    "Contract",
    "InMemoryPublisher",
    "Payload",
    "Publisher",
    "publishing_through",
    "relay_outbox",
]
