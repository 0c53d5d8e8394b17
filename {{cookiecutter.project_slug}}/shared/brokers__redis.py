"""The brokers that this project can use."""

from shared.broker import Broker
from shared.redis_broker import redis_broker, redis_check, redis_delay, redis_redelivery, redis_refusal
from shared.redis_publisher import publish, publish_async
from shared.unclaimed import collect_unclaimed

REDIS = Broker(
    redis_broker,
    redis_delay,
    redis_redelivery,
    6379,
    redis_check,
    collect_unclaimed,
    publish,
    publish_async,
    redis_refusal,
    batch=250,
)

# By the scheme of CELERY_BROKER_URL.
BROKERS = {"redis": REDIS, "rediss": REDIS}
