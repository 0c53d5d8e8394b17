"""The scheduler of django-celery-beat, whose crontabs are right on the days on which clocks are changed."""

from typing import TYPE_CHECKING

from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from trinity_celery.beat.crontabs import zoned
from trinity_celery.beat.schedule import refuse_other_schedules

if TYPE_CHECKING:
    from django_celery_beat.models import PeriodicTask


class Entry(ModelEntry):  # type: ignore[misc]
    """A row of the schedule."""

    def __init__(self, model: "PeriodicTask", app: object = None) -> None:
        super().__init__(model, app)
        if model.crontab:
            self.schedule = zoned(model.crontab.schedule, str(model.crontab.timezone))
            self.schedule.app = self.app


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    """Looks at the rows of the database."""

    Entry = Entry

    def setup_schedule(self) -> None:
        """Write the schedule of the code into the database, and nothing else: its rows would stay.

        Raises:
            SystemExit: somebody has changed the schedule in Celery's configuration.
        """
        refuse_other_schedules(self.app)
        super().setup_schedule()
