"""Endpoints that belong to no app: a ping for every queue."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from trinity_celery.contrib.django.responses import accepted, sends_task

from shared.contracts import PINGS, Ping


@sends_task
def ping(request: HttpRequest, queue: str) -> HttpResponse:
    """Send a task to a queue that only answers which worker took it."""
    if queue not in PINGS:
        return JsonResponse({"detail": f"no queue {queue!r}: use one of {', '.join(PINGS)}"}, status=404)
    return accepted(PINGS[queue].send(Ping()))
