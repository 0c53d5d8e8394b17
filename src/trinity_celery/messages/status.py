"""What has become of a task. Celery calls an id that it has never seen "pending"; here it is unknown."""

from typing import Any, Literal

from celery import Celery, current_app
from pydantic import BaseModel, ValidationError

from trinity_celery._compat.celery import AnyTask, result_meta

QUEUED = "QUEUED"
PROGRESS = "PROGRESS"

State = Literal["queued", "started", "progress", "retrying", "succeeded", "failed", "revoked"]

STATES: dict[str, State] = {
    QUEUED: "queued",
    "RECEIVED": "queued",
    "STARTED": "started",
    PROGRESS: "progress",
    "RETRY": "retrying",
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "REVOKED": "revoked",
}


class Progress(BaseModel):
    """How far a task has come. A task reports it with ``report_progress``.

    Attributes:
        done: the steps that are done.
        total: all steps.
    """

    done: int
    total: int


class TaskStatus(BaseModel):
    """What has become of a task: the answer of the status endpoints.

    Attributes:
        task_id: the id with which it was sent.
        state: ``queued``, ``started``, ``progress``, ``retrying``, ``succeeded``, ``failed`` or ``revoked``.
        result: what it has returned, if it has succeeded and its result is kept: plain JSON data.
        error: the exception in one line, if there was one.
        progress: how far it has come, if it says so.
        task: its registered name, as soon as a worker has it.
        queue: where it went, as soon as a worker has it.
        worker: the node that runs it.
    """

    task_id: str
    state: State
    result: object = None
    error: str | None = None
    progress: Progress | None = None
    task: str | None = None
    queue: str | None = None
    worker: str | None = None


def queued_note(app: Celery, task_id: str) -> tuple[bytes, str, int]:
    """Return what notes in Redis that a task was sent: the key, its value, and for how many seconds."""
    backend: Any = app.backend
    meta = {**result_meta(backend, QUEUED), "task_id": task_id}
    return backend.get_key_for_task(task_id), backend.encode(meta), backend.expires


def note_task(app: Celery, task_id: str) -> None:
    """Note in the result backend that a task was sent. If the backend is away the task is sent all the same."""
    try:
        app.backend.store_result(task_id, None, QUEUED)
    except Exception as error:  # whatever the backend's client raises
        app.log.get_default_logger().warning("task %s: its status cannot be kept: %s", task_id, error)


def forget_task(app: Celery, task_id: str) -> None:
    """Take back ``note_task``, as far as the result backend can be reached."""
    try:
        app.backend.forget(task_id)
    except Exception as error:
        app.log.get_default_logger().warning("task %s: its status cannot be removed: %s", task_id, error)


def report_progress(task: AnyTask, done: int, total: int) -> None:
    """Let the status endpoints say how far a task has come. Called directly, as in a test, it does nothing.

    Args:
        task: a bound task's ``self``.
        done: the steps that are done.
        total: all steps.
    """
    if not task.request.called_directly:
        task.update_state(state=PROGRESS, meta=Progress(done=done, total=total).model_dump())


def read_status(task_id: str) -> TaskStatus | None:
    """Return the status of a task, or ``None`` if no task of this id was sent or its result has expired.

    Args:
        task_id: what ``send`` of its contract has returned.

    Raises:
        Exception: whatever the result backend's client raises when the backend is away.
    """
    meta = current_app.backend.get_task_meta(task_id)
    if meta["status"] == "PENDING":
        return None
    state = STATES.get(meta["status"], "started")  # a state of the task's own
    value = meta.get("result")
    return TaskStatus(
        task_id=task_id,
        state=state,
        result=value if state == "succeeded" else None,
        error=f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else None,
        progress=_read_progress(value) if state == "progress" else None,
        task=meta.get("name"),
        queue=meta.get("queue"),
        worker=meta.get("worker"),
    )


def _read_progress(value: object) -> Progress | None:
    try:
        return Progress.model_validate(value)
    except ValidationError:  # a task may say in its own way how far it has come
        return None
