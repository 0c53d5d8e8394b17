"""Periodic tasks: the schedule, crontabs that know time zones, and schedulers."""

from trinity_celery.beat.crontabs import ZonedCrontab
from trinity_celery.beat.schedule import Entry

__all__ = ["Entry", "ZonedCrontab"]
