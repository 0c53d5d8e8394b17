"""Django's Celery app: ``celery -A config.celery``.

``config/__init__.py`` stays empty, unlike in Celery's own guide: whoever imports the shared settings must not get
Django along with them. ``backend.platform`` imports this module when Django starts, which binds ``@shared_task``.
"""

import os

from trinity_celery.transactions import install
from trinity_celery.worker import ProjectApp

from config import checks  # noqa: F401  (registers itself)
from config.transactions import database
from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

celery_app = ProjectApp(PROJECT.name, task_cls="config.task:BackendTask")
configure_celery_app(celery_app, "django")
install(database)
celery_app.autodiscover_tasks()
