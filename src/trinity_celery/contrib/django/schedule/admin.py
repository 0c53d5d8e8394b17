"""The admin's form for a new crontab begins with the time zone of the project."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import CrontabScheduleAdmin
from django_celery_beat.models import CrontabSchedule

from trinity_celery.config import runtime_of
from trinity_celery.contracts.sending import sending_app

admin.site.unregister(CrontabSchedule)


@admin.register(CrontabSchedule)
class ZonedCrontabAdmin(CrontabScheduleAdmin):  # type: ignore[misc]
    """Crontabs, on the clock of the zone that each names."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what an empty form holds."""
        settings = runtime_of(sending_app()).beat_settings
        zone = {"timezone": settings.celery_timezone} if settings else {}
        return {**zone, **super().get_changeform_initial_data(request)}
