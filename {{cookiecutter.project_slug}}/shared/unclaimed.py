"""What a worker has set aside on a Redis broker without being able to read it: garbage, and what kills workers.

The broker's script (``shared/leases.py``) puts it there in the same step in which it leaves the queue.
"""

from datetime import UTC, datetime
from time import time
from typing import Any

from celery import Celery
from kombu.message import Message
from pydantic import BaseModel, Field, ValidationError
from redis import Redis

from shared.dead_letters import CRASH_LIMIT, GARBAGE, DeadLetter, DeadLetters, dead_letter, letter_of
from shared.dead_messages import mark_as_failed
from shared.layout import PROJECT
from shared.messages import message_of_envelope
from shared.redis_client import ONE_MORE_ATTEMPT, redis_client

UNCLAIMED = f"{PROJECT}:unclaimed"


class About(BaseModel):
    """What the script says of a message; ``at`` are seconds since 1970."""

    reason: str = GARBAGE
    queue: str | None = None
    at: float = Field(default_factory=time)
    deliveries: int = 0


def read_element(element: bytes) -> tuple[DeadLetter, Message | None]:
    """Return the letter of one element, a line of JSON about the message and what was in the queue; and the message."""
    line, _, raw = element.partition(b"\n")
    try:
        about = About.model_validate_json(line)
    except ValidationError:
        about, raw = About(), element
    fields: dict[str, Any] = {"queue": about.queue, "failed_at": datetime.fromtimestamp(about.at, UTC)}
    error = "what was in the queue is no message"
    if about.reason == CRASH_LIMIT:
        error = f"its worker ended {about.deliveries} times"
    try:
        message = message_of_envelope(raw)
        return letter_of(message, about.reason, error, **fields), message
    except Exception as problem:  # garbage may be wrong in any way
        error = f"{error}: {type(problem).__name__}: {problem}"
        return dead_letter(about.reason, error, raw=raw.decode(errors="backslashreplace"), **fields), None


def collect_from(client: Redis, app: Celery, letters: DeadLetters) -> int:
    """Move everything into ``letters`` and return how much it was; ``client`` must not decode responses.

    An element leaves its list only when its letter is kept, and its task has a state. Two that collect at once keep the
    same letter.

    Raises:
        Exception: whatever the clients of the servers raise when they are away.
    """
    count = 0
    while element := client.lindex(UNCLAIMED, -1):
        letter, message = read_element(element)  # type: ignore[arg-type]
        letters.keep(letter)
        if message is not None:
            mark_as_failed(app, letter, message)
        client.lrem(UNCLAIMED, -1, element)  # type: ignore[arg-type]
        count += 1
    return count


def collect_unclaimed(app: Celery, letters: DeadLetters) -> int:
    """Do that with the broker of ``app``."""
    with redis_client(app.conf.broker_url, decode_responses=False, retry=ONE_MORE_ATTEMPT) as client:
        return collect_from(client, app, letters)
