"""HTTP endpoints of the worked example."""

from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404

from backend.platform import services
from backend.platform.models import Report
from config.responses import accepted, sends_task
from shared import contracts


@sends_task
def request_report(request: HttpRequest) -> HttpResponse:
    """Write down a report and have it built."""
    payload = contracts.CreateReport.model_validate_json(request.body)
    report, task_id = services.request_report(title=payload.title, body=payload.body)
    response = accepted(task_id)
    response.headers["Link"] = f"</platform/reports/{report.pk}>"
    return response


# jinja: if cookiecutter.use_fastapi
@sends_task
def request_score(request: HttpRequest) -> HttpResponse:
    """Have a text scored by the other service, whose code is not imported here."""
    payload = contracts.ScoreText.model_validate_json(request.body)
    return accepted(contracts.SCORE_TEXT.send(payload))


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
