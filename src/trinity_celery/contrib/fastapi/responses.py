"""What endpoints answer that have sent a task."""

from fastapi import Request, Response
from pydantic import BaseModel


class Accepted(BaseModel):
    """A task was sent; ``status_url`` says what becomes of it."""

    task_id: str
    status_url: str


def accepted(request: Request, response: Response, task_id: str) -> Accepted:
    """Return the body of a 202, and set the header that belongs to it.

    The application includes ``trinity_celery.contrib.fastapi.router``, which has the endpoint of the status.
    """
    location = request.app.url_path_for("task_status", task_id=task_id)
    response.headers["Location"] = location
    return Accepted(task_id=task_id, status_url=location)
