"""Django's entry to this app."""

from django.apps import AppConfig


class DeadLettersConfig(AppConfig):
    """Dead letters in the admin. They are kept in Redis: ``trinity_celery.dead_letters``."""

    name = "trinity_celery.contrib.django.dead_letters"
    label = "dead_letters"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Tasks"
