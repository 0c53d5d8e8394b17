"""Endpoints that belong to no package: health, the status of tasks, and a ping for every queue."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from trinity_celery.connections import within_deadline_async
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.health.readiness import failing, readiness_checks
from trinity_celery.messages import TaskStatus, read_status

from app.celery_app import celery_app
from app.database import check_database
from app.errors import unavailable
from app.schemas import Accepted, accepted
from shared.contracts import PINGS, Ping

router = APIRouter()


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Say that this process answers; asks nobody else, so that a restart is only triggered by its own fault."""
    return {"status": "live"}


@router.get("/health/ready")
def ready(response: Response) -> dict[str, Any]:
    """Say whether requests should be sent here, and if not, what is missing."""
    problems = failing({"database": check_database, **readiness_checks(celery_app)})
    if problems:
        response.status_code = 503
        return {"status": "not ready", "problems": problems}
    return {"status": "ready"}


@router.post("/queues/{queue}/ping", status_code=202)
async def ping(queue: str, request: Request, response: Response) -> Accepted:
    """Send a task to a queue that only answers which worker took it."""
    if queue not in PINGS:
        raise HTTPException(404, f"no queue {queue!r}: use one of {', '.join(PINGS)}")
    return accepted(request, response, await PINGS[queue].send_async(Ping()))


@router.get("/tasks/{task_id}")
async def task_status(task_id: str) -> TaskStatus:
    """Say what has become of a task, and how far it has come."""
    try:
        status = await within_deadline_async(lambda: read_status(task_id))
    except BrokerUnavailableError as error:
        raise unavailable("the result backend", error) from error
    if status is None:
        raise HTTPException(404, f"no task {task_id}: it was never sent, or its result has expired")
    return status
