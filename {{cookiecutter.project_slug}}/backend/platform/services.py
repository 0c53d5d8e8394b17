"""What this app can do. Views, tasks and commands call these functions; none of them knows how it was called."""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone
from trinity_celery.contrib.django.transactions import database

from backend.platform.models import Report, Statistics
from shared import contracts

KEEP_REPORTS = timedelta(days=30)


def request_report(*, title: str, body: str, key: str | None = None) -> tuple[int, str]:
    """Write down a report and the task that builds it, and return the ids of both. The task is sent after the commit.

    Sent before, a fast worker would look for a report that is not there yet. Since the contract has an outbox, the
    task is not lost if the broker is away; it is sent later. Asked again with the same ``key``, it is the same report.
    """

    def write_down() -> tuple[int, str]:
        report_id = Report.objects.create(title=title, body=body).pk
        return report_id, contracts.BUILD_REPORT.send(contracts.BuildReport(report_id=report_id))

    report_id, task_id = database.once_for(key, {"title": title, "body": body}, write_down)
    return report_id, task_id


def build_report(*, report_id: int) -> Report:
    """Count the words of a report and return it. Doing it twice does no harm."""
    report = Report.objects.get(pk=report_id)
    report.word_count = len(report.body.split())
    report.status = Report.Status.BUILT
    report.save(update_fields=["word_count", "status"])
    return report


def create_report(*, title: str, body: str) -> Report:
    """Write down a report and build it at once."""
    return build_report(report_id=Report.objects.create(title=title, body=body).pk)


def purge_old_reports() -> int:
    """Delete reports that are older than ``KEEP_REPORTS``, and return how many."""
    deleted, _ = Report.objects.filter(created_at__lt=timezone.now() - KEEP_REPORTS).delete()
    return deleted


def refresh_statistics(*, worker: str, queue: str) -> int:
    """Count the reports anew and return their number. ``worker`` and ``queue`` are kept to show who did it."""
    reports = Report.objects.count()
    figures = {"reports": reports, "refreshed_by": worker, "refreshed_from": queue}
    Statistics.objects.update_or_create(pk=1, defaults=figures)
    Statistics.objects.filter(pk=1).update(refreshes=F("refreshes") + 1)
    return reports


def read_statistics() -> Statistics:
    """Return the figures; zero before the first refresh."""
    return Statistics.objects.filter(pk=1).first() or Statistics()
