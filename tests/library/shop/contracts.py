"""The contracts."""

from pydantic import BaseModel

from tests.library.shop.queues import PROJECT
from trinity_celery.contracts import Contract


class Ping(BaseModel):
    """Nothing to say."""


class Order(BaseModel):
    """What to send to whom."""

    number: int
    items: list[str]


ORDER = Contract("tests.library.shop.tasks.take_order", "orders", Order, project=PROJECT)
PING = "tests.library.shop.tasks.ping"
PINGS = {queue: Contract(PING, queue, Ping, project=PROJECT) for queue in PROJECT.queue_names()}
