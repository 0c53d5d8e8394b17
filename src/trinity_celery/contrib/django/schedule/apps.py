"""Django's entry to this app."""

from django.apps import AppConfig


class ScheduleConfig(AppConfig):
    """The schedule of django-celery-beat; it stands behind ``django_celery_beat`` in ``INSTALLED_APPS``."""

    name = "trinity_celery.contrib.django.schedule"
    label = "schedule"
