"""The admin of the worked example."""

from django.contrib import admin

from backend.platform.models import Report, Statistics


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Reports, with what has become of them."""

    list_display = ("title", "status", "word_count", "created_at")
    list_filter = ("status",)
    search_fields = ("title",)


@admin.register(Statistics)
class StatisticsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The figures, and who refreshed them last."""

    list_display = ("reports", "refreshes", "refreshed_by", "refreshed_at")
