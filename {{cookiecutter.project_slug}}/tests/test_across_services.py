"""Either service starts the other's work, by contract and not by import."""

import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from celery import Celery, group

from devtools.stack import ROOT, Stack
from devtools.web_services import WEB_SERVICES
from shared.contracts import CREATE_REPORT, SCORE_TEXT, CreateReport, ScoreText
from shared.queues import PROJECT
from tests.conftest import sending_to
from tests.loaded import described

DJANGO, FASTAPI = WEB_SERVICES


def test_django_has_a_text_scored_by_fastapi(stack: Stack) -> None:
    status = stack.finished(stack.post(DJANGO, "/platform/scores", {"text": "two words"}))
    assert status["task"] == "app.atom.tasks.score_text"
    assert status["result"] == {"words": 2, "score": 4.0}


def test_fastapi_has_a_report_written_by_django(stack: Stack) -> None:
    body = {"title": "From the other side", "body": "three more words"}
    status = stack.finished(stack.post(FASTAPI, "/atom/reports", body))
    assert status["task"] == "backend.platform.tasks.create_report"
    assert status["result"]["word_count"] == 3
    report = httpx.get(f"{DJANGO.address(stack.environment)}/platform/reports/{status['result']['report_id']}").json()
    assert (report["title"], report["status"]) == ("From the other side", "built")


def test_group_runs_in_both_services(stack: Stack) -> None:
    with sending_to(stack):
        parts = group(
            SCORE_TEXT.signature(ScoreText(text="two words")),
            CREATE_REPORT.signature(CreateReport(title="One of a group", body="three more words")),
        )
        score, report = parts.apply_async().get(timeout=60)
    assert (score["words"], report["word_count"]) == (2, 3)


def test_status_can_be_asked_for_at_either_service(stack: Stack) -> None:
    status = stack.finished(stack.post(DJANGO, "/platform/scores", {"text": "two words"}))
    other = httpx.get(f"{FASTAPI.address(stack.environment)}/tasks/{status['task_id']}").json()
    assert other == status


@pytest.mark.parametrize(
    ("module", "foreign"),
    [("app.main", "django"), ("app.celery_app", "django"), ("config.wsgi", "fastapi"), ("config.celery", "fastapi")],
)
def test_neither_service_needs_the_other_ones_framework(module: str, foreign: str) -> None:
    # As in an image that holds one service only: importing the other one's framework fails.
    code = f"import sys; sys.modules[{foreign!r}] = None; import {module}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, check=True)


def test_neither_worker_loads_the_other_service(start_worker: Callable[..., Celery]) -> None:
    foreign = {
        "django": {"app", "fastapi", "starlette", "sqlalchemy"},
        "fastapi": {"backend", "config", "django.apps", "django.db"},
    }
    for service in PROJECT.services:
        queue = service.default_queue
        # A queue without an owner has a worker that needs both.
        if PROJECT.find_queue(queue).worker_app == service.celery_app:
            # The tests' own Django is none of a worker's business.
            app = start_worker(queue, f"own-{queue}", "--include tests.loaded", DJANGO_SETTINGS_MODULE="")
            assert foreign[service.name].isdisjoint(described(app, queue)["modules"])
