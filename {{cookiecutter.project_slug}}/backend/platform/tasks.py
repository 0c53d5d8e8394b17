"""Tasks of the Django service. Each calls one service function and returns plain data.

What has a contract in ``shared/contracts.py`` gets arguments that fit it: they are checked before the task starts.

Django finds this module by itself, like any ``tasks.py`` of an installed app. A task's name is its path; where it
goes follows from its package (``shared/queues.py``).
"""

from typing import Any

from celery import shared_task
from django.db import OperationalError
from trinity_celery.contrib.django.transactions import database
from trinity_celery.worker import retry_on

from backend.platform import services

# A database that is away for a moment.
RETRY = retry_on(OperationalError)
# Of all workers together.
TEN_A_SECOND: dict[str, Any] = {"shared_rate_limit": "10/s"}


@shared_task(ignore_result=False)
def ping() -> str:
    """Answer; the status of the task tells which worker did."""
    return "pong"


@shared_task(ignore_result=False, **RETRY)
def build_report(report_id: int) -> dict[str, int | None]:
    """Count the words of a report."""
    report = services.build_report(report_id=report_id)
    return {"report_id": report.pk, "word_count": report.word_count}


@shared_task(bind=True, ignore_result=False, **RETRY)
def create_report(self: Any, title: str, body: str = "") -> Any:
    """Write down a report and build it, once; the other way to get one, for whoever has no access to the database."""

    def create() -> dict[str, int | None]:
        report = services.create_report(title=title, body=body)
        return {"report_id": report.pk, "word_count": report.word_count}

    # Delivered again, or sent again with the same key, it must not write a second report.
    return database.once(self, create)


@shared_task(ignore_result=False, **TEN_A_SECOND)
def notify_subscriber(report_id: int) -> str:
    """Tell somebody about a report: an example of a rate limit, which holds for all workers together."""
    return f"notified about {report_id}"


@shared_task(**RETRY)
def purge_old_reports() -> int:
    """Delete what is old; the schedule starts it."""
    return services.purge_old_reports()


@shared_task(bind=True, **RETRY)
def refresh_statistics(self: Any) -> int:
    """Count the reports; the schedule starts it."""
    return services.refresh_statistics(worker=self.request.hostname, queue=self.request.delivery_info["routing_key"])
