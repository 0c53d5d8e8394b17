"""FastAPI's Celery app: ``celery -A app.celery_app``. It finds ``tasks.py`` in every package below ``app``."""

import pkgutil

from trinity_celery.contrib.fastapi.database import install_delivery
from trinity_celery.worker import ProjectApp

import app
from app.database import database
from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT

celery_app = ProjectApp(PROJECT.name, task_cls="trinity_celery.worker.task:BaseTask")
configure_celery_app(celery_app, "fastapi")
install_delivery(celery_app, PROJECT.find_service("fastapi"), database)
celery_app.autodiscover_tasks([f"app.{module.name}" for module in pkgutil.iter_modules(app.__path__) if module.ispkg])
