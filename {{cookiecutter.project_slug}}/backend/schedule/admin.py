"""The admin's form for a new crontab begins with the time zone of this project."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import CrontabScheduleAdmin
from django_celery_beat.models import CrontabSchedule
from trinity_celery.config import BeatSettings, load

admin.site.unregister(CrontabSchedule)


@admin.register(CrontabSchedule)
class ProjectCrontabScheduleAdmin(CrontabScheduleAdmin):  # type: ignore[misc]
    """Crontabs, on the clock of the zone that each names."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what an empty form holds."""
        return {"timezone": load(BeatSettings).celery_timezone, **super().get_changeform_initial_data(request)}
