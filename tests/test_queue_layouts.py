"""What a layout of queues means in a rendered project."""

import runpy
from pathlib import Path

from tests.conftest import Bake
from trinity_celery.config import Project


def project_of(folder: Path) -> Project:
    """Return what a rendered project says that it consists of."""
    project: Project = runpy.run_path(str(folder / "shared/queues.py"))["PROJECT"]
    return project


def test_extra_queue_has_a_worker_a_target_and_a_route(bake: Bake) -> None:
    project = bake(queues="platform:django, atom:fastapi, gpu:fastapi")
    made = project_of(project)
    assert made.find_queue("gpu").worker_app == "app.celery_app"
    assert made.queue_of_task("app.gpu.tasks.train") == "gpu"
    assert made.queue_of_task("app.atom.tasks.score_text") == "atom"
    # Django's worker does not consume it, so none of Django's tasks may go there.
    assert made.queue_of_task("backend.gpu.tasks.train") == "platform"
    assert "celery-gpu: trinity worker gpu\n" in (project / "Procfile").read_text()
    assert "\nQUEUES := platform atom gpu\n" in (project / "Makefile").read_text()


def test_shared_queue_is_everybodys_default(bake: Bake) -> None:
    made = project_of(bake(queues="trinity.tasks"))
    assert {service.default_queue for service in made.services} == {"trinity.tasks"}
    assert made.find_queue("trinity.tasks").worker_app == "combined.celery_app"
    assert made.queue_of_task("backend.any.tasks.thing") == "trinity.tasks"
