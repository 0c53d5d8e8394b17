"""The base class of every task: its bounds, and guards around sending and starting it."""

from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task
from celery.exceptions import MaxRetriesExceededError, Reject, Retry

from shared.payloads import check_payload, check_size, shown_arguments
from shared.rate_limit import shared_rate_limit
from shared.redaction import redact


def refuse_long_delay(app: Celery, countdown: float | None = None, eta: datetime | None = None) -> None:
    """Refuse a delay that is longer than the broker's visibility timeout.

    A worker takes a delayed task at once and holds it. Without leases (``shared/leases.py``), Redis gives it to
    another worker when the visibility timeout is over, and both run it. https://github.com/celery/kombu/issues/337

    Raises:
        ValueError: the delay reaches the visibility timeout, or ``eta`` has no time zone.
    """
    options = app.conf.broker_transport_options
    limit = None if options.get("lease") else options.get("visibility_timeout")
    delay = countdown or 0.0
    if eta is not None:
        if eta.tzinfo is None:
            raise ValueError("eta: has no time zone: use datetime.now(UTC) + timedelta(...)")
        delay = (eta - datetime.now(UTC)).total_seconds()
    if limit is not None and delay >= limit:
        raise ValueError(
            f"a delay of {delay:.0f} s reaches the visibility timeout, and the task would run twice: "
            f"keep it below CELERY_BROKER_VISIBILITY_TIMEOUT ({limit} s)"
        )


def retry_on(*errors: type[Exception]) -> dict[str, Any]:
    """Return the options of a task that tries again after these errors: ever later, not everybody at the same time."""
    return {"autoretry_for": errors, "retry_backoff": True, "retry_jitter": True}


class RetriesExceededError(MaxRetriesExceededError):
    """Celery's error, whose message names the arguments of the task, without what is secret in them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*redact(args), **redact(options))


class BaseTask(Task):  # type: ignore[type-arg]
    """What Celery's own ``Task`` does, with bounds that also hold when a child process dies.

    A base class and not ``task_annotations``: those would override what a task's decorator says.
    """

    abstract = True
    Request = "shared.requests:RedactedRequest"
    max_retries = 5
    default_retry_delay = 30  # seconds; Celery's 180 would delay every task whose child was killed
    retry_on_worker_lost: bool | None = None  # what the configuration says, if the task is acknowledged late
    # For all workers together, such as "10/s". Celery's own rate_limit holds for each worker by itself.
    shared_rate_limit: str | None = None
    MaxRetriesExceededError = RetriesExceededError

    @classmethod
    def bind(cls, app: Celery) -> Celery:
        """Fill in what the decorator leaves open: a task that is acknowledged early runs at most once."""
        late = app.conf.task_acks_late if cls.acks_late is None else cls.acks_late
        if cls.retry_on_worker_lost is None and not late:
            cls.retry_on_worker_lost = False  # Celery's setting holds for these, too
        return super().bind(app)

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        """Send the task.

        Raises:
            ValueError: ``countdown`` (seconds) or ``eta`` lies too far ahead.
            MessageTooLargeError: the arguments are larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
        """
        refuse_long_delay(self.app, options.get("countdown"), options.get("eta"))
        args, kwargs = tuple(args or ()), kwargs or {}
        task_id = options.get("task_id")
        if task_id is None or task_id != self.request.id:  # what is under way, and sent again, is not refused
            check_size(self.name, args, kwargs)
        return super().apply_async(args, kwargs, *more, **{**shown_arguments(args, kwargs, self), **options})

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Let nothing begin that does not fit its contract, nor before its turn.

        Raises:
            PayloadError: the arguments do not fit the task's contract; nothing is retried.
            Retry: the task must wait for its turn, and was sent again for then.
        """
        check_payload(self, args, kwargs)
        if self.shared_rate_limit and not self.request.is_eager:
            wait = shared_rate_limit(self.name, self.shared_rate_limit).wait()
            if wait:
                self._come_back(wait)

    def _come_back(self, seconds: float) -> None:
        """Put the task back until later; unlike ``retry``, without counting that as one of its attempts."""
        limit = self.app.conf.broker_transport_options.get("visibility_timeout")
        seconds = min(seconds, limit / 2) if limit else seconds
        later = self.signature_from_request(countdown=seconds, retries=self.request.retries)
        try:
            later.apply_async()
        except Exception as error:
            raise Reject(error, requeue=True) from error
        raise Retry(when=seconds, sig=later)  # type: ignore[arg-type]  # mypy takes no float for a real number
