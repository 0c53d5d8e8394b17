"""HTTP endpoints of the worked example."""

from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from trinity_celery.contrib.django.idempotency import request_key
from trinity_celery.contrib.django.responses import accepted, sends_task

from backend.platform import services
from backend.platform.models import Report
from shared import contracts


@sends_task
def request_report(request: HttpRequest) -> HttpResponse:
    """Write down a report and have it built; asked for twice with the same Idempotency-Key, it is one report."""
    payload = contracts.CreateReport.model_validate_json(request.body)
    report_id, task_id = services.request_report(title=payload.title, body=payload.body, key=request_key(request))
    response = accepted(task_id)
    response.headers["Link"] = f"</platform/reports/{report_id}>"
    return response


# jinja: if cookiecutter.use_fastapi
@sends_task
def request_score(request: HttpRequest) -> HttpResponse:
    """Have a text scored by the other service, whose code is not imported here.

    Nothing is written down here, so the Idempotency-Key goes with the task: each request has a task of its own, and all
    of them one score.
    """
    payload = contracts.ScoreText.model_validate_json(request.body)
    return accepted(contracts.SCORE_TEXT.send(payload, idempotency_key=request_key(request)))


# jinja: endif
def report_detail(request: HttpRequest, report_id: int) -> HttpResponse:
    """Return a report."""
    report = get_object_or_404(Report, pk=report_id)
    return JsonResponse(
        {"id": report.pk, "title": report.title, "status": report.status, "word_count": report.word_count}
    )


def statistics(request: HttpRequest) -> HttpResponse:
    """Return the figures that the schedule refreshes."""
    figures = services.read_statistics()
    return JsonResponse(model_to_dict(figures, exclude=["id"]))
