"""django-celery-beat: the schedule lies in Django's database and can be edited in the admin. Run exactly one beat.

https://django-celery-beat.readthedocs.io/
"""

from typing import Any

from shared import beat_heartbeat  # noqa: F401  (connects itself to the start of beat)
from shared.beat_schedule import celery_beat_schedule
from shared.beat_settings import BeatSettings
from shared.environment import load


def beat_configuration(redis_url: str) -> dict[str, Any]:
    """Return the part of Celery's configuration that concerns beat; ``redis_url`` plays no part here."""
    settings = load(BeatSettings)
    return {
        # The scheduler writes these entries to the database when beat starts, and leaves all others alone.
        "beat_schedule": celery_beat_schedule(),
        # Whose clock a crontab follows that names no other.
        "timezone": settings.celery_timezone,
        "beat_scheduler": settings.celery_beat_scheduler or "backend.schedule.scheduler:Scheduler",
        # Seconds until a change made in the admin takes effect.
        "beat_max_loop_interval": 5,
        # After a long stop, entries that are more than this many seconds late are not made up for.
        "beat_cron_starting_deadline": 300,
    }
