"""Endpoints that belong to no app: health, the status of tasks, and a ping for every queue."""

from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.responses import accepted, sends_task, unavailable
from shared.contracts import PINGS, Ping
from shared.health import SHARED_CHECKS, failing
from shared.sending import BrokerUnavailableError, within_deadline
from shared.task_status import read_status


def check_database() -> None:
    """Ask the database for a row; raise Django's error if there is none."""
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        # Connections are kept per thread, and nobody else would close that of a pool's thread.
        connections["default"].close()


def live(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; asks nobody else, so that a restart is only triggered by its own fault."""
    return JsonResponse({"status": "live"})


def ready(request: HttpRequest) -> HttpResponse:
    """Say whether requests should be sent here, and if not, what is missing."""
    problems = failing({"database": check_database, **SHARED_CHECKS})
    if problems:
        return JsonResponse({"status": "not ready", "problems": problems}, status=503)
    return JsonResponse({"status": "ready"})


@sends_task
def ping(request: HttpRequest, queue: str) -> HttpResponse:
    """Send a task to a queue that only answers which worker took it."""
    if queue not in PINGS:
        return JsonResponse({"detail": f"no queue {queue!r}: use one of {', '.join(PINGS)}"}, status=404)
    return accepted(PINGS[queue].send(Ping()))


def task_status(request: HttpRequest, task_id: str) -> HttpResponse:
    """Say what has become of a task."""
    try:
        status = within_deadline(lambda: read_status(task_id))
    except BrokerUnavailableError as error:
        return unavailable(error)
    if status is None:
        return JsonResponse({"detail": f"no task {task_id}: it was never sent, or its result has expired"}, status=404)
    return JsonResponse(status.model_dump(mode="json"))
