"""The Celery app of a worker that runs the tasks of both services: the only module that imports both.

It is FastAPI's app in a process in which Django is set up as well. The worker of a queue without an owner uses it.
"""

import os

# Before the app is made: this is what makes Celery install its care for Django's settings and connections.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from app.celery_app import celery_app

celery_app.task_cls = "trinity_celery.contrib.django.task:DjangoBaseTask"
celery_app.autodiscover_tasks()

__all__ = ["celery_app"]
