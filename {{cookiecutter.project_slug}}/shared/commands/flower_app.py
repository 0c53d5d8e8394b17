"""The Celery app that Flower looks through. It belongs to no service, so that Flower needs neither's packages."""

from shared.celery_settings import configure_celery_app
from shared.layout import PROJECT, SERVICES
from shared.project_app import ProjectApp

celery_app = ProjectApp(PROJECT)
configure_celery_app(celery_app, SERVICES[0].name)
