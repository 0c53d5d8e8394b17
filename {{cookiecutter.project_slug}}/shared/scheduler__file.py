"""Celery's own scheduler: beat remembers its last runs in a file. Run exactly one beat.

https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
"""

from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler

from shared import beat_heartbeat  # noqa: F401  (connects itself to the start of beat)
from shared.beat_schedule import celery_beat_schedule
from shared.beat_settings import BeatSettings
from shared.environment import load


class FileScheduler(PersistentScheduler):
    """Makes the folder of the file, which Celery's own scheduler does not."""

    def setup_schedule(self) -> None:
        """Open the file."""
        Path(self.schedule_filename).parent.mkdir(parents=True, exist_ok=True)  # type: ignore[attr-defined]
        super().setup_schedule()


class FileSettings(BeatSettings):
    """What the environment decides about the file."""

    beat_schedule_filename: str = ".run/celerybeat-schedule"  # where beat keeps its last runs


def beat_configuration(redis_url: str) -> dict[str, Any]:
    """Return the part of Celery's configuration that concerns beat; ``redis_url`` plays no part here."""
    settings = load(FileSettings)
    return {
        "beat_schedule": celery_beat_schedule(),
        # Whose clock a crontab follows that names no other.
        "timezone": settings.celery_timezone,
        "beat_scheduler": settings.celery_beat_scheduler or "shared.scheduler:FileScheduler",
        # Relative to the working directory: name a writable place where that one is read-only.
        "beat_schedule_filename": settings.beat_schedule_filename,
        "beat_max_loop_interval": 30,
        # After a long stop, entries that are more than this many seconds late are not made up for.
        "beat_cron_starting_deadline": 300,
    }
