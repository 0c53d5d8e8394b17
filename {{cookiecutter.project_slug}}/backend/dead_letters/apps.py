"""Django's entry to this app."""

from django.apps import AppConfig


class DeadLettersConfig(AppConfig):
    """Dead letters in the admin. They are kept in Redis: ``trinity_celery/dead_letters/store.py``."""

    name = "backend.dead_letters"
    verbose_name = "Tasks"
