"""Dead letters of messages: of those that a worker cannot take, and of those that a broker has put aside."""

from datetime import datetime

from kombu.message import Message

from trinity_celery.brokers.base import Quarantined
from trinity_celery.config.runtime import Runtime
from trinity_celery.dead_letters.store import NAME_CHARACTERS, DeadLetter, dead_letter
from trinity_celery.messages.decoding import decode, options_of


def queue_of_key(runtime: Runtime, routing_key: str | None) -> str | None:
    """Return the queue to which a routing key leads; a broker that delays tasks puts the way there before its name."""
    names = [name for name in runtime.all_queues() if f".{routing_key}".endswith(f".{name}")]
    return max(names, key=len, default=routing_key)


def letter_of(
    runtime: Runtime,
    message: Message,
    reason: str,
    error: str,
    *,
    queue: str | None = None,
    failed_at: datetime | None = None,
) -> DeadLetter:
    """Return the letter of a message that became no task.

    Args:
        runtime: what the worker's app was configured with.
        message: as it came.
        reason: one of ``trinity_celery.messages.reasons``.
        error: what is wrong with it, in one line.
        queue: where it came from, if the message itself does not say so.
        failed_at: when; by default now.
    """
    decoded = decode(message)
    headers = decoded.headers if isinstance(decoded.headers, dict) else {}
    task, task_id = _name(headers.get("task")), _name(headers.get("id"))
    where = queue_of_key(runtime, queue or (message.delivery_info or {}).get("routing_key"))
    if decoded.problem is not None:
        raw = message.body if isinstance(message.body, bytes) else str(message.body).encode(errors="replace")
        text = raw.decode(errors="backslashreplace")
        return dead_letter(reason, error, raw=text, queue=where, task=task, task_id=task_id, failed_at=failed_at)
    arguments, keywords, _ = decoded.body
    context = decoded.context
    return dead_letter(
        reason,
        error,
        arguments=arguments,
        keywords=keywords,
        options=options_of(context),
        retries=context.retries or 0,
        queue=where,
        task=task,
        task_id=task_id,
        failed_at=failed_at,
    )


def _name(value: object) -> str | None:
    return value[:NAME_CHARACTERS] if isinstance(value, str) else None


def letter_of_quarantined(runtime: Runtime, quarantined: Quarantined) -> DeadLetter:
    """Return the letter of what a broker has put aside."""
    queue, failed_at = quarantined.queue, quarantined.failed_at
    if quarantined.delivery is None:
        where = queue_of_key(runtime, queue)
        return dead_letter(quarantined.reason, quarantined.error, raw=quarantined.raw, queue=where, failed_at=failed_at)
    return letter_of(
        runtime, quarantined.delivery, quarantined.reason, quarantined.error, queue=queue, failed_at=failed_at
    )
