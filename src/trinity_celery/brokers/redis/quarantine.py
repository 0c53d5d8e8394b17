"""What a worker has set aside on a Redis broker without being able to read it: garbage, and what kills workers.

The broker's script (``leases.py``) puts it there in the same step in which it leaves the queue.
"""

from datetime import UTC, datetime
from time import time

from celery import Celery
from pydantic import BaseModel, Field, ValidationError
from redis import Redis

from trinity_celery.brokers.base import Quarantined, Recorder
from trinity_celery.brokers.redis.leases import QUARANTINE
from trinity_celery.config.runtime import runtime_of
from trinity_celery.connections.redis_client import ONE_MORE_ATTEMPT, redis_client
from trinity_celery.messages.decoding import message_of_envelope
from trinity_celery.messages.reasons import CRASH_LIMIT, GARBAGE


class About(BaseModel):
    """What the script says of a message; ``at`` are seconds since 1970."""

    reason: str = GARBAGE
    queue: str | None = None
    at: float = Field(default_factory=time)
    deliveries: int = 0


def read_element(element: bytes) -> Quarantined:
    """Return what one element holds: a line of JSON about the message, and what was in the queue."""
    line, _, raw = element.partition(b"\n")
    try:
        about = About.model_validate_json(line)
    except ValidationError:
        about, raw = About(), element
    failed_at = datetime.fromtimestamp(about.at, UTC)
    error = "what was in the queue is no message"
    if about.reason == CRASH_LIMIT:
        error = f"its worker ended {about.deliveries} times"
    try:
        return Quarantined(about.reason, error, about.queue, failed_at, message_of_envelope(raw))
    except Exception as problem:  # garbage may be wrong in any way
        error = f"{error}: {type(problem).__name__}: {problem}"
        return Quarantined(about.reason, error, about.queue, failed_at, None, raw.decode(errors="backslashreplace"))


def collect_from(client: Redis, key: str, recorder: Recorder) -> int:
    """Hand everything below ``key`` to ``recorder`` and return how much it was.

    An element leaves its list only when it is kept. Two that collect at once keep the same one.

    Args:
        client: must not decode responses.
        key: of the list.
        recorder: keeps each of them.

    Raises:
        Exception: whatever the clients of the servers raise when they are away.
    """
    count = 0
    while element := client.lindex(key, -1):
        recorder.keep(read_element(element))  # type: ignore[arg-type]
        client.lrem(key, -1, element)  # type: ignore[arg-type]
        count += 1
    return count


def collect(app: Celery, recorder: Recorder) -> int:
    """Do that with the broker of ``app``."""
    settings = runtime_of(app).settings
    key = f"{app.conf.broker_transport_options['global_keyprefix']}{QUARANTINE}"
    with redis_client(settings, settings.broker_url, decode_responses=False, retry=ONE_MORE_ATTEMPT) as client:
        return collect_from(client, key, recorder)
