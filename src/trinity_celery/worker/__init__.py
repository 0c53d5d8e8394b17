"""Celery apps, their tasks and their workers."""

from trinity_celery.worker.app import ProjectApp
from trinity_celery.worker.celery_settings import celery_configuration
from trinity_celery.worker.setup import configure
from trinity_celery.worker.task import BaseTask, retry_on

__all__ = ["BaseTask", "ProjectApp", "celery_configuration", "configure", "retry_on"]
