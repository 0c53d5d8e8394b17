"""The base class of every task: its bounds, and guards around sending and starting it."""

from collections.abc import Sequence
from time import sleep
from typing import Any

from celery import Celery, Task
from celery.exceptions import MaxRetriesExceededError, Retry
from celery.result import AsyncResult
from celery.utils.log import get_task_logger

from trinity_celery.config.redaction import redact
from trinity_celery.messages.payloads import check_payload, check_size, keep_choice, shown_arguments
from trinity_celery.worker.rate_limit import shared_rate_limit

logger = get_task_logger(__name__)


def retry_on(*errors: type[Exception]) -> dict[str, Any]:
    """Return the options of a task that tries again after these errors: ever later, not everybody at the same time.

    https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions

    Args:
        errors: after which it may help to try again.
    """
    return {"autoretry_for": errors, "retry_backoff": True, "retry_jitter": True}


class RetriesExceededError(MaxRetriesExceededError):
    """Celery's error, whose message names the arguments of the task, without what is secret in them."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*redact(args), **redact(options))


class BaseTask(Task):  # type: ignore[type-arg]
    """What Celery's own ``Task`` does, with bounds that also hold when a child process dies.

    A base class and not ``task_annotations``: those would override what a task's decorator says.

    Attributes:
        max_retries: how often a task is tried again, also after its child process was killed; 5.
        default_retry_delay: seconds before the next attempt; 30, as Celery's 180 would delay every task whose child was
            killed.
        retry_on_worker_lost: whether to try again when the child process was killed; by default what the configuration
            says, if the task is acknowledged late.
        shared_rate_limit: how often the task may start in all workers together, such as ``10/s``; ``None``: as often as
            you like. Celery's own ``rate_limit`` holds for each worker by itself.
    """

    abstract = True
    Request = "trinity_celery.worker.request:RedactedRequest"
    max_retries = 5
    default_retry_delay = 30  # seconds; Celery's 180 would delay every task whose child was killed
    retry_on_worker_lost: bool | None = None  # what the configuration says, if the task is acknowledged late
    # For all workers together, such as "10/s". Celery's own rate_limit holds for each worker by itself.
    shared_rate_limit: str | None = None
    MaxRetriesExceededError = RetriesExceededError

    @classmethod
    def bind(cls, app: Celery) -> Celery:
        """Fill in what the decorator leaves open: a task that is acknowledged early runs at most once.

        Args:
            app: to which the task belongs.

        Returns:
            the same app.
        """
        late = app.conf.task_acks_late if cls.acks_late is None else cls.acks_late
        if cls.retry_on_worker_lost is None and not late:
            cls.retry_on_worker_lost = False  # Celery's setting holds for these, too
        return super().bind(app)

    def apply_async(
        self,
        args: Sequence[object] | None = None,
        kwargs: dict[str, object] | None = None,
        *more: Any,
        **options: object,
    ) -> "AsyncResult[object]":
        """Send the task.

        https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.apply_async

        Args:
            args: its positional arguments.
            kwargs: its keyword arguments.
            more: other arguments of Celery's own ``apply_async``.
            options: the same, by name, such as ``countdown`` (seconds).

        Returns:
            an ``AsyncResult``.

        Raises:
            UnrunnableTaskError: Celery cannot run its function.
            MessageTooLargeError: the arguments are larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: ``countdown`` or ``eta`` lies too far ahead, or ``eta`` has no time zone.
        """
        args, kwargs = tuple(args or ()), kwargs or {}
        task_id = options.get("task_id")
        if task_id is None or task_id != self.request.id:  # what is under way, and sent again, is not refused
            check_size(self.app, self.name, args, kwargs)
        return super().apply_async(args, kwargs, *more, **shown_arguments(args, kwargs, self) | keep_choice(options))

    def before_start(self, task_id: str, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Let nothing begin that does not fit its contract, nor before its turn. Celery calls it.

        Args:
            task_id: the task's id.
            args: its positional arguments.
            kwargs: its keyword arguments.

        Raises:
            PayloadError: the arguments do not fit the task's contract; nothing is retried.
            Retry: the task must wait for its turn, and was sent again for then.
        """
        check_payload(self, args, kwargs)
        if self.shared_rate_limit and not self.request.is_eager:
            limit = shared_rate_limit(self.app, self.name, self.shared_rate_limit)
            while wait := limit.wait():
                self._come_back(wait)

    def _come_back(self, seconds: float) -> None:
        """Put the task back until later; unlike ``retry``, without counting that as one of its attempts.

        If it cannot be sent, wait here. Rejected, it would come back at once, and a broker that counts that would soon
        take it for one that ends workers.
        """
        limit = self.app.conf.broker_transport_options.get("visibility_timeout")
        seconds = min(seconds, limit / 2) if limit else seconds
        later = self.signature_from_request(countdown=seconds, retries=self.request.retries)
        try:
            later.apply_async()
        except Exception as error:  # whatever the broker's client raises
            logger.warning("waiting %.2f s here, as the task cannot be sent again: %s", seconds, error)
            sleep(seconds)
            return
        raise Retry(when=seconds, sig=later)  # type: ignore[arg-type]  # mypy takes no float for a real number
