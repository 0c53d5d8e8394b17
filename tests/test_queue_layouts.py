"""What a layout of queues means in a rendered project."""

import runpy

from tests.conftest import Bake


def test_extra_queue_has_a_worker_a_target_and_a_route(bake: Bake) -> None:
    project = bake(queues="platform:django, atom:fastapi, gpu:fastapi")
    layout = runpy.run_path(str(project / "shared/layout.py"))
    assert layout["find_queue"]("gpu").worker_app == "app.celery_app"
    assert layout["queue_of_task"]("app.gpu.tasks.train") == "gpu"
    assert layout["queue_of_task"]("app.atom.tasks.score_text") == "atom"
    # Django's worker does not consume it, so none of Django's tasks may go there.
    assert layout["queue_of_task"]("backend.gpu.tasks.train") == "platform"
    assert "celery-gpu: python -m shared.commands.worker gpu\n" in (project / "Procfile").read_text()
    assert "\nQUEUES := platform atom gpu\n" in (project / "Makefile").read_text()


def test_shared_queue_is_everybodys_default(bake: Bake) -> None:
    layout = runpy.run_path(str(bake(queues="trinity.tasks") / "shared/layout.py"))
    assert {service.default_queue for service in layout["SERVICES"]} == {"trinity.tasks"}
    assert layout["find_queue"]("trinity.tasks").worker_app == "combined.celery_app"
    assert layout["queue_of_task"]("backend.any.tasks.thing") == "trinity.tasks"
