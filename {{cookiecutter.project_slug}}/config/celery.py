"""Django's Celery app: ``celery -A config.celery``.

``config/__init__.py`` stays empty, unlike in Celery's own guide: whoever imports the shared settings must not get
Django along with them. ``backend.platform`` imports this module when Django starts, which binds ``@shared_task``.
"""

import os

from trinity_celery.contrib.django.transactions import install_delivery
from trinity_celery.worker import ProjectApp

from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

celery_app = ProjectApp(PROJECT.name, task_cls="trinity_celery.contrib.django.task:DjangoBaseTask")
configure_celery_app(celery_app, "django")
install_delivery(PROJECT.find_service("django"))
celery_app.autodiscover_tasks()
