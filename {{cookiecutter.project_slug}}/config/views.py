"""Endpoints that belong to no app: the status of tasks, and a ping for every queue."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from trinity_celery.connections import within_deadline
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.messages import read_status

from config.responses import accepted, sends_task, unavailable
from shared.contracts import PINGS, Ping


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
        return unavailable("the result backend", error)
    if status is None:
        return JsonResponse({"detail": f"no task {task_id}: it was never sent, or its result has expired"}, status=404)
    return JsonResponse(status.model_dump(mode="json"))
