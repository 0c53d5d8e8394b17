"""Either service starts the other's work, by contract and not by import."""

import subprocess
import sys

import httpx
import pytest

from devtools.stack import ROOT, Stack
from devtools.web_services import WEB_SERVICES

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
