"""The base class of Django's tasks: the shared bounds together with ``delay_on_commit``."""

from celery.contrib.django.task import DjangoTask

from trinity_celery.worker import BaseTask


class DjangoBaseTask(BaseTask, DjangoTask):  # type: ignore[type-arg]
    """A task that can be sent when the database transaction is committed; for ``task_cls`` of an app."""

    abstract = True
