"""A task on its way to the broker."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Message:
    """A task that a contract has prepared, as data that JSON can hold.

    Attributes:
        name: the task's registered name.
        kwargs: its arguments.
        task_id: its id.
        queue: where it goes.
        eta: when it may start, in ISO 8601 with a time zone; ``None``: at once.
        headers: of the message, besides Celery's own.
        ignore_result: whether neither a status nor a result is kept.
        parent_id: the id of the task that sent it, if one did.
        root_id: the id of the task with which that began.
    """

    name: str
    kwargs: dict[str, Any]
    task_id: str
    queue: str
    eta: str | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    ignore_result: bool = False
    parent_id: str | None = None
    root_id: str | None = None

    def encode(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return what ``encode`` has made JSON of.

        Args:
            text: the JSON.
        """
        return cls(**json.loads(text))
