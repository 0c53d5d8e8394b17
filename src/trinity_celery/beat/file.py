"""Celery's own scheduler, which keeps its last runs in a file."""

from pathlib import Path

from celery.beat import PersistentScheduler


class FileScheduler(PersistentScheduler):
    """Makes the folder of the file, which Celery's own scheduler does not."""

    def setup_schedule(self) -> None:
        """Open the file."""
        Path(self.schedule_filename).parent.mkdir(parents=True, exist_ok=True)  # type: ignore[attr-defined]
        super().setup_schedule()
