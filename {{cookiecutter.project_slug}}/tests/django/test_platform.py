"""The worked example: services called directly, tasks called directly, views with eager tasks."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from trinity_celery.errors import PayloadError

from backend.platform import services, tasks
from backend.platform.models import Report, Statistics
from config.celery import celery_app

pytestmark = pytest.mark.django_db


def test_service_counts_words() -> None:
    report = Report.objects.create(title="a", body="four words are here")
    assert services.build_report(report_id=report.pk).word_count == 4
    assert services.build_report(report_id=report.pk).status == Report.Status.BUILT


def test_task_called_directly() -> None:
    report = Report.objects.create(title="a", body="one")
    assert tasks.build_report(report.pk) == {"report_id": report.pk, "word_count": 1}


def test_arguments_are_checked_before_a_task_starts() -> None:
    with pytest.raises(PayloadError, match="title: String should have at least 1 character"):
        tasks.create_report.apply(args=[""], throw=True)


@pytest.mark.django_db(transaction=True)
def test_request_is_built_by_an_eager_task(eager: None, client: Client) -> None:
    response = client.post("/platform/reports", {"title": "a", "body": "b c"}, content_type="application/json")
    assert response.status_code == 202
    assert response.headers["Location"] == response.json()["status_url"]
    assert client.get(response.headers["Link"].strip("<>")).json()["word_count"] == 2


def test_old_reports_are_purged() -> None:
    old = Report.objects.create(title="old")
    Report.objects.filter(pk=old.pk).update(created_at=timezone.now() - services.KEEP_REPORTS - timedelta(days=1))
    Report.objects.create(title="new")
    assert tasks.purge_old_reports() == 1
    assert [report.title for report in Report.objects.all()] == ["new"]


def test_statistics_say_who_refreshed_them(client: Client) -> None:
    assert client.get("/platform/statistics").json()["refreshes"] == 0
    Report.objects.create(title="a")
    for _ in range(2):
        services.refresh_statistics(worker="w@host", queue="q")
    assert client.get("/platform/statistics").json()["refreshes"] == 2
    assert Statistics.objects.get().refreshed_by == "w@host"


def test_endpoint_wants_post(client: Client) -> None:
    assert client.get("/platform/reports").status_code == 405


def test_tasks_can_be_sent_on_commit() -> None:
    """Celery's own way is there too, for tasks that are no contract."""
    assert hasattr(celery_app.tasks[tasks.purge_old_reports.name], "delay_on_commit")
