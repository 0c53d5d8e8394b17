"""FastAPI's worker runs tasks; it has no use for the web framework."""

from collections.abc import Callable

from celery import Celery

from shared.queues import PROJECT
from tests.loaded import described


def test_worker_loads_no_web_framework(start_worker: Callable[..., Celery]) -> None:
    service = PROJECT.find_service("fastapi")
    app = start_worker(service.default_queue, "no-web", "--include tests.loaded")
    assert {"fastapi", "starlette", "uvicorn", "app.main"}.isdisjoint(described(app, service.default_queue)["modules"])
