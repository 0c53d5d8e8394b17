"""Endpoints that belong to no package of a project: health, and the status of tasks."""

from collections.abc import Mapping
from typing import Any

from celery import Celery
from fastapi import APIRouter, HTTPException, Response

from trinity_celery.connections import within_deadline_async
from trinity_celery.contrib.fastapi.errors import unavailable
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.health.readiness import Check, failing, readiness_checks
from trinity_celery.messages import TaskStatus, read_status


def service_router(app: Celery, checks: Mapping[str, Check]) -> APIRouter:
    """Return a router with ``/health/live``, ``/health/ready`` and ``/tasks/{task_id}``.

    Args:
        app: the Celery app through which the service sends.
        checks: what the service needs besides, by name, such as ``{"database": database.check}``: each raises if it is
            not there.
    """
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """Say that this process answers; asks nobody else, so that a restart is only triggered by its own fault."""
        return {"status": "live"}

    @router.get("/health/ready")
    def ready(response: Response) -> dict[str, Any]:
        """Say whether requests should be sent here, and if not, what is missing."""
        problems = failing({**checks, **readiness_checks(app)})
        if problems:
            response.status_code = 503
            return {"status": "not ready", "problems": problems}
        return {"status": "ready"}

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

    return router
