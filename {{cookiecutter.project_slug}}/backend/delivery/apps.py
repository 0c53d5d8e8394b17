"""Django's entry to this app."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """What makes tasks reach the broker, and their effects happen once: two tables, and tasks that look after them."""

    name = "backend.delivery"
