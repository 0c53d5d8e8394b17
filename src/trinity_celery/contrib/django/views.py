"""Endpoints that belong to no app of a project: the status of tasks."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from trinity_celery.connections import within_deadline
from trinity_celery.contrib.django.responses import unavailable
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.messages import read_status


def task_status(request: HttpRequest, task_id: str) -> HttpResponse:
    """Say what has become of a task."""
    try:
        status = within_deadline(lambda: read_status(task_id))
    except BrokerUnavailableError as error:
        return unavailable("the result backend", error)
    if status is None:
        return JsonResponse({"detail": f"no task {task_id}: it was never sent, or its result has expired"}, status=404)
    return JsonResponse(status.model_dump(mode="json"))
