"""The base class of every task: its retry bounds, and a guard against delays that Redis cannot hold."""

from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task


def refuse_long_delay(app: Celery, countdown: float | None = None, eta: datetime | None = None) -> None:
    """Refuse a delay that is longer than the broker's visibility timeout.

    A worker takes a delayed task at once and holds it; Redis gives it to another worker when the visibility timeout
    is over, and both run it. https://github.com/celery/kombu/issues/337

    Raises:
        ValueError: the delay reaches the visibility timeout, or ``eta`` has no time zone.
    """
    limit = app.conf.broker_transport_options.get("visibility_timeout")
    delay = countdown or 0.0
    if eta is not None:
        if eta.tzinfo is None:
            raise ValueError("eta: has no time zone: use datetime.now(UTC) + timedelta(...)")
        delay = (eta - datetime.now(UTC)).total_seconds()
    if limit is not None and delay >= limit:
        raise ValueError(
            f"a delay of {delay:.0f} s reaches the visibility timeout, and the task would run twice: "
            f"keep it below CELERY_BROKER_VISIBILITY_TIMEOUT ({limit} s), or let the schedule start it"
        )


class BaseTask(Task):  # type: ignore[type-arg]
    """What Celery's own ``Task`` does, with bounds that also hold when a child process dies.

    A base class and not ``task_annotations``: those would override what a task's decorator says.
    """

    abstract = True
    max_retries = 5
    default_retry_delay = 30  # seconds; Celery's 180 would delay every task whose child was killed

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send the task; raise ``ValueError`` if ``countdown`` (seconds) or ``eta`` lies too far ahead."""
        refuse_long_delay(self.app, options.get("countdown"), options.get("eta"))
        return super().apply_async(*args, **options)
