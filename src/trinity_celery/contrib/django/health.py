"""The health endpoints. A middleware answers them, since they must work where views do not: put it first.

The probes of containers and of Kubernetes ask for an IP address, which ``ALLOWED_HOSTS`` refuses.
"""

from collections.abc import Callable

from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from trinity_celery.contracts.sending import sending_app
from trinity_celery.health.readiness import failing, readiness_checks


def check_database() -> None:
    """Ask the database for a row; raise Django's error if there is none."""
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        # Connections are kept per thread, and nobody else would close that of a pool's thread.
        connections["default"].close()


def live() -> HttpResponse:
    """Say that this process answers; asks nobody else, so that a restart is only triggered by its own fault."""
    return JsonResponse({"status": "live"})


def ready() -> HttpResponse:
    """Say whether requests should be sent here, and if not, what is missing."""
    problems = failing({"database": check_database, **readiness_checks(sending_app())})
    if problems:
        return JsonResponse({"status": "not ready", "problems": problems}, status=503)
    return JsonResponse({"status": "ready"})


ENDPOINTS = {"/health/live": live, "/health/ready": ready}


def health_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer the health endpoints, and pass every other request on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        endpoint = ENDPOINTS.get(request.path_info)
        return endpoint() if endpoint else get_response(request)

    return middleware
