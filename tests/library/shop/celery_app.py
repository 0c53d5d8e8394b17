"""The Celery app; tests add the modules of their tasks with ``--include``."""

from tests.library.shop import contracts  # noqa: F401  (a task's arguments are checked against its contract)
from tests.library.shop.queues import PROJECT
from trinity_celery.worker import ProjectApp, configure

# Tests that import this module have other apps besides; ``configure`` makes it that of a worker.
celery_app = ProjectApp(PROJECT.name, task_cls="trinity_celery.worker.task:BaseTask", set_as_current=False)
configure(celery_app, project=PROJECT, service="shop")
celery_app.autodiscover_tasks(["tests.library.shop"])
