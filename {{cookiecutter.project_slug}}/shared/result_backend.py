"""The result backend of workers: while it is away, results are lost, but no task.

Celery's own gives up a task whose state it cannot keep, even before it has begun.
"""

from typing import Any

from celery import states
from celery.backends.redis import RedisBackend
from celery.exceptions import BackendStoreError
from celery.utils.log import get_logger
from redis.exceptions import RedisError

logger = get_logger(__name__)


class Backend(RedisBackend):
    """Celery's backend, but for what happens when a state cannot be kept."""

    always_retry: bool
    _store_result: Any

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Subscribe to nothing when a task is sent; whoever waits for a result subscribes then."""

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **options: Any) -> Any:
        """Keep a task's state. That it has begun is tried once, what became of it several times.

        Raises:
            Exception: whatever the client raises, in a process that sends and does not try again.
        """
        try:
            if state != states.STARTED:
                return super().store_result(task_id, result, state, *args, **options)
            self._store_result(task_id, self.encode_result(result, state), state, *args, **options)
        except (BackendStoreError, RedisError) as error:
            if not self.always_retry:
                raise
            logger.error("task %s: its state %s cannot be kept: %s", task_id, state, error)
        return result
