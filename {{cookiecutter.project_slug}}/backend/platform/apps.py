"""Django's entry to this app."""

import importlib

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """The worked example of an app with tasks."""

    name = "backend.platform"

    def ready(self) -> None:
        """Bind every ``@shared_task`` to the project's Celery app, in web processes too."""
        importlib.import_module("config.celery")
