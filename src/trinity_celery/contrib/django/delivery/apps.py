"""Django's entry to this app."""

from django.apps import AppConfig
from django.core.checks import register

from trinity_celery.contrib.django.checks import check_celery_settings


class DeliveryConfig(AppConfig):
    """The tables of outbox and keys, which make tasks reach the broker, and their effects happen once."""

    name = "trinity_celery.contrib.django.delivery"
    label = "delivery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Look at the settings whenever Django checks a project."""
        register(check_celery_settings)
