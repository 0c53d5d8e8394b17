"""Tasks of the Django service. Each checks its arguments, calls one service function and returns plain data.

Django finds this module by itself, like any ``tasks.py`` of an installed app. A task's name is its path; where it
goes follows from its package (``shared/layout.py``).
"""

from typing import Any

from celery import shared_task
from django.db import OperationalError

from backend.platform import services
from shared.contracts import BuildReport, CreateReport

# A database that is away for a moment: try again, ever later, not everybody at the same time.
RETRY: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "retry_jitter": True}


@shared_task(ignore_result=False)
def ping() -> str:
    """Answer; the status of the task tells which worker did."""
    return "pong"


@shared_task(ignore_result=False, **RETRY)
def build_report(report_id: int) -> dict[str, int | None]:
    """Count the words of a report."""
    report = services.build_report(report_id=BuildReport(report_id=report_id).report_id)
    return {"report_id": report.pk, "word_count": report.word_count}


@shared_task(ignore_result=False)
def create_report(title: str, body: str = "") -> dict[str, int | None]:
    """Write down a report and build it; the other way to get one, for whoever has no access to the database."""
    payload = CreateReport(title=title, body=body)
    report = services.create_report(title=payload.title, body=payload.body)
    return {"report_id": report.pk, "word_count": report.word_count}


@shared_task(ignore_result=False, rate_limit="10/s")
def notify_subscriber(report_id: int) -> str:
    """Tell somebody about a report: an example of a rate limit, which holds for each worker by itself."""
    return f"notified about {report_id}"


@shared_task(**RETRY)
def purge_old_reports() -> int:
    """Delete what is old; the schedule starts it."""
    return services.purge_old_reports()


@shared_task(bind=True, **RETRY)
def refresh_statistics(self: Any) -> int:
    """Count the reports; the schedule starts it."""
    return services.refresh_statistics(worker=self.request.hostname, queue=self.request.delivery_info["routing_key"])
