"""The worked example: services called directly, tasks called directly, routes with eager tasks."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from redis import Redis
from trinity_celery.errors import PayloadError
from trinity_celery.testing.redis import private_redis

from app.atom import services, tasks
from app.atom.store import Store
from app.main import app
from devtools.stack import ROOT, Stack
from devtools.web_services import WEB_SERVICES

FASTAPI = WEB_SERVICES[-1]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store of this test's own, in a real server."""
    with private_redis(tmp_path) as url:
        own = Store(Redis.from_url(url, decode_responses=True))
        monkeypatch.setattr(tasks, "get_store", lambda: own)
        yield own


def test_service_scores_a_text() -> None:
    assert services.score_text("ab abcd").model_dump() == {"words": 2, "score": 3.0}
    assert services.score_text(" ").model_dump() == {"words": 0, "score": 0.0}


def test_service_reports_progress() -> None:
    steps: list[tuple[int, int]] = []
    assert len(services.score_batch(["a", "b"], lambda done, total: steps.append((done, total)))) == 2
    assert steps == [(1, 2), (2, 2)]


def test_task_called_directly(store: Store) -> None:
    assert tasks.score_text("ab abcd") == {"words": 2, "score": 3.0}
    assert [score["words"] for score in tasks.score_batch(["a", "b c"])] == [1, 2]
    assert services.read_statistics(store).scored == 3
    tasks.reset_statistics()
    assert services.read_statistics(store).scored == 0


def test_arguments_are_checked_before_a_task_starts() -> None:
    with pytest.raises(PayloadError, match="text: String should have at least 1 character"):
        tasks.score_text.apply(args=[""], throw=True)


def test_statistics_say_who_refreshed_them(store: Store) -> None:
    services.refresh_statistics(store, "w@host", "q")
    assert services.refresh_statistics(store, "w@host", "q").model_dump() == {
        "scored": 0,
        "refreshes": 2,
        "refreshed_by": "w@host",
        "refreshed_from": "q",
    }


def test_request_is_scored_by_an_eager_task(eager: None, store: Store) -> None:
    response = TestClient(app).post("/atom/scores", json={"text": "a b"})
    assert response.status_code == 202
    assert response.headers["Location"] == response.json()["status_url"]
    assert services.read_statistics(store).scored == 1


def test_status_shows_progress(stack: Stack) -> None:
    url = stack.post(FASTAPI, "/atom/batches", {"texts": ["a"] * 1000})
    seen = []
    while (status := httpx.get(url).json())["state"] not in ("succeeded", "failed"):
        if status["state"] == "progress":
            seen.append(status["progress"])
    assert seen, "the task was done before its progress could be asked for"
    assert all(0 < step["done"] <= step["total"] == 1000 for step in seen)
    assert len(status["result"]) == 1000


def test_tasks_of_a_new_package_are_found_without_wiring(tmp_path: Path) -> None:
    """A folder with ``tasks.py`` below ``app`` is all it takes."""
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra/__init__.py").touch()
    (tmp_path / "extra/tasks.py").write_text(
        "from app.celery_app import celery_app\n\n\n@celery_app.task\ndef new(): ...\n"
    )
    code = (
        f"import app; app.__path__.append({str(tmp_path)!r}); from app.celery_app import celery_app; "
        "celery_app.loader.import_default_modules(); print('app.extra.tasks.new' in celery_app.tasks)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr
