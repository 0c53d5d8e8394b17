"""The admin of outbox and keys: to look, and to delete what cannot be helped."""

from django.contrib import admin
from django.http import HttpRequest

from trinity_celery.contrib.django.delivery.models import IdempotencyKey, OutboxMessage


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the machinery writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let nobody add a row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let nobody change a row."""
        return False


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What waits to be sent."""

    list_display = ("id", "message", "created_at")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """What was done."""

    list_display = ("key", "result", "created_at")
    search_fields = ("key",)
