"""Reports, and one row of figures about them."""

from django.db import models


class Report(models.Model):
    """A text whose words a task counts."""

    class Status(models.TextChoices):
        """How far a report has come."""

        REQUESTED = "requested"
        BUILT = "built"

    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.REQUESTED)
    word_count = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title


class Statistics(models.Model):
    """Figures that a scheduled task refreshes. There is one row."""

    reports = models.PositiveIntegerField(default=0)
    refreshes = models.PositiveIntegerField(default=0)
    refreshed_by = models.CharField(max_length=200, blank=True)
    refreshed_from = models.CharField(max_length=200, blank=True)
    refreshed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "statistics"

    def __str__(self) -> str:
        return f"{self.reports} reports"
