"""The result backend of workers: while it is away, results are lost, but no task.

Celery's own gives up a task whose state it cannot keep, even before it has begun.
"""

from collections.abc import Callable
from time import sleep
from typing import Any

from celery import states
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.exceptions import BackendStoreError
from celery.utils.log import get_logger
from redis.exceptions import OutOfMemoryError, RedisError

from trinity_celery.connections.redis_connection import connection_class
from trinity_celery.messages.runnable import check_result

logger = get_logger(__name__)


class Backend(RedisBackend):
    """Celery's backend, but for what happens when a state cannot be kept."""

    always_retry: bool
    _store_result: Callable[..., object]
    connparams: dict[str, object]
    connection_errors: tuple[type[Exception], ...]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connparams["connection_class"] = connection_class(options.get("url") or "")

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        """Return whether it may help to try again: also on a full server, whose memory every finished task frees."""
        return isinstance(exc, (*self.connection_errors, OutOfMemoryError))

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Subscribe to nothing when a task is sent; whoever waits for a result subscribes then."""

    def store_result(
        self,
        task_id: str,
        result: object,
        state: str,
        traceback: str | None = None,
        request: Context | None = None,
        **options: object,
    ) -> object:
        """Keep a task's state. That it has begun is tried once, what became of it several times.

        Raises:
            Exception: whatever the client raises, in a process that sends and does not try again.
        """
        try:
            if state != states.STARTED:
                return super().store_result(task_id, result, state, traceback, request, **options)
            self._store_result(task_id, self.encode_result(result, state), state, traceback, request, **options)
        except (BackendStoreError, RedisError) as error:
            if not self.always_retry:
                raise
            logger.error("task %s: its state %s cannot be kept: %s", task_id, state, error)
        return result

    def mark_as_done(self, task_id: str, result: object, *args: Any, **options: Any) -> None:
        """Keep that a task has succeeded, whether its result is kept or not.

        Raises:
            EncodeError: its result still has to be run.
        """
        check_result(result)
        super().mark_as_done(task_id, result, *args, **options)

    def on_chord_part_return(
        self, request: Any, state: str, result: object, propagate: bool | None = None, **options: object
    ) -> None:
        """Count a part of a chord; after the last one, send the body.

        Whoever sends it holds a claim meanwhile, for some 20 seconds. If it dies then, its part is delivered again
        before the claim has run out, and Celery alone would never send the body: so wait for that.
        """
        while True:
            redelivered = (getattr(request, "delivery_info", None) or {}).get("redelivered")
            claim = self.client.get(self.get_key_for_group(request.group, ".c")) if redelivered else None
            super().on_chord_part_return(request, state, result, propagate, **options)
            if claim in (None, b"done"):
                return
            sleep(1)
