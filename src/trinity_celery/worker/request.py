"""A task in the hands of a worker, as the worker shows it to others."""

from functools import cached_property
from threading import current_thread, main_thread
from typing import Any

from billiard.einfo import ExceptionInfo
from celery.utils.log import get_logger
from celery.worker.request import Request

from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.redaction import redact
from trinity_celery.messages.payloads import CHOSEN, redact_arguments, shown_arguments

logger = get_logger(__name__)


class TaskRequest(Request):
    """Celery's request, whose task knows in the main process, too, which message has failed."""

    _context: Any
    acknowledged: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Let a hard time limit below the soft one hold: Celery looks at it only when the soft one is over."""
        super().__init__(*arguments, **options)
        configuration = self.task.app.conf
        hard, soft = self.time_limits
        hard = hard or self.task.time_limit or configuration.task_time_limit
        soft = soft or self.task.soft_time_limit or configuration.task_soft_time_limit
        if hard and soft and hard < soft:
            self.time_limits = (hard, hard)

    def reject(self, requeue: bool = False) -> None:
        """Give the message back, or let the broker forget it: what is not to run again is kept as a dead letter."""
        if requeue:
            super().reject(requeue)
        else:
            self.acknowledge()

    def on_accepted(self, pid: Any, time_accepted: float) -> None:
        """Note that the task begins. One that is acknowledged early is so now, or else a killed worker would undo it.

        Celery acknowledges in the loop's next turn, which with the solo pool comes when the task has ended.
        """
        if not (self.task.acks_late or self.acknowledged) and current_thread() is main_thread():
            self.message.ack_log_error(logger, self.connection_errors)
            self.acknowledged = True
            find_broker(self.task.app.conf.broker_url).flush()
        super().on_accepted(pid, time_accepted)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Handle a time limit."""
        self.task.request_stack.push(self._context)
        try:
            super().on_timeout(soft, timeout)
        finally:
            self.task.request_stack.pop()

    def on_failure(self, exc_info: ExceptionInfo, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Handle whatever ended the task but success."""
        self.task.request_stack.push(self._context)
        try:
            super().on_failure(exc_info, send_failed_event, return_ok)
        except MemoryError:
            # Celery ends the worker for a task that raised it, and the next worker gets the same task.
            if not return_ok:
                raise
            self.acknowledge()
        finally:
            self.task.request_stack.pop()


class RedactedRequest(TaskRequest):
    """What events and ``celery inspect``, and so monitors, tell about a task holds no secrets, whoever sent it."""

    _request_dict: dict[str, Any]

    @property
    def argsrepr(self) -> str:
        """The positional arguments as others may see them."""
        return self._shown["argsrepr"]

    @property
    def kwargsrepr(self) -> str:
        """The keyword arguments as others may see them."""
        return self._shown["kwargsrepr"]

    @cached_property
    def _shown(self) -> dict[str, str]:
        return shown_arguments(self.args, self.kwargs, self.task) | (self._request_dict.get(CHOSEN) or {})

    def info(self, safe: bool = False) -> Any:
        """Return what the worker knows about the task."""
        shown = (self.argsrepr, self.kwargsrepr) if safe else redact_arguments(self.args, self.kwargs, self.task)
        return {**super().info(safe), "args": shown[0], "kwargs": shown[1]}

    def send_event(self, type: str, **fields: object) -> None:
        """Send an event, whose fields may be an exception, its traceback, or a result."""
        super().send_event(type, **redact(fields))
