"""``manage.py register_periodic_tasks``: write this app's periodic tasks to the database. Run it after ``migrate``."""

from typing import Any

from django.core.management.base import BaseCommand
from django_celery_beat.models import IntervalSchedule
from trinity_celery.contrib.django.schedule.periodic import register_periodic_task


class Command(BaseCommand):
    """Idempotent: what is there already is updated, what people added is left alone."""

    help = "Add or update this app's periodic tasks in the database's schedule."

    def handle(self, *args: Any, **options: Any) -> None:
        """Register the tasks."""
        task = register_periodic_task(
            name="Purge old reports every day",
            task_path="backend.platform.tasks.purge_old_reports",
            every=1,
            period=IntervalSchedule.DAYS,
        )
        self.stdout.write(f"{task.name}: {task.task}, {task.interval}, queue {task.queue}")
