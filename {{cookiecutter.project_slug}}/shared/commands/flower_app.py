"""The Celery app that Flower looks through. It belongs to no service, so that Flower needs neither's packages."""

from celery import Celery

from shared.celery_settings import configure_celery_app
from shared.layout import PROJECT, SERVICES

celery_app = Celery(PROJECT)
configure_celery_app(celery_app, SERVICES[0].name)
