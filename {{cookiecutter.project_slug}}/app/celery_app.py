"""FastAPI's Celery app: ``celery -A app.celery_app``. It finds ``tasks.py`` in every package below ``app``."""

import pkgutil

import app
from app.database import database
from shared.celery_settings import configure_celery_app
from shared.database import install
from shared.layout import PROJECT
from shared.project_app import ProjectApp

celery_app = ProjectApp(PROJECT, task_cls="shared.tasks:BaseTask")
configure_celery_app(celery_app, "fastapi")
install(database)
celery_app.autodiscover_tasks([f"app.{module.name}" for module in pkgutil.iter_modules(app.__path__) if module.ispkg])
