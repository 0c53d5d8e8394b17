"""The Celery app that Flower looks through. It belongs to no service, so that Flower needs neither's packages."""

from trinity_celery.worker import ProjectApp

from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT

celery_app = ProjectApp(PROJECT.name)
configure_celery_app(celery_app, PROJECT.services[0].name)
