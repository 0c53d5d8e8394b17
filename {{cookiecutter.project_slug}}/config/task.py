"""The base class of Django's tasks: the shared bounds together with ``delay_on_commit``."""

from celery.contrib.django.task import DjangoTask
from trinity_celery.worker import BaseTask


class BackendTask(BaseTask, DjangoTask):
    """A task that can be sent when the database transaction is committed."""

    abstract = True
