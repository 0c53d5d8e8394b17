"""A task in the hands of a worker, as the worker shows it to others."""

from functools import cached_property
from typing import Any

from shared.failed_tasks import TaskRequest
from shared.payloads import CHOSEN, redact_arguments, shown_arguments
from shared.redaction import redact


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

    def send_event(self, type: str, **fields: Any) -> None:
        """Send an event, whose fields may be an exception, its traceback, or a result."""
        super().send_event(type, **redact(fields))
