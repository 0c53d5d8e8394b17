"""Start beat, which sends the schedule's tasks: ``python -m shared.commands.beat``."""

from shared.beat_settings import BeatSettings
from shared.commands import run_celery
from shared.environment import load
from shared.layout import SERVICES


def beat_arguments() -> list[str]:
    """Return Celery's arguments for beat. It runs nothing itself, so any service's app serves.

    Raises:
        SystemExit: a variable has a bad value.
    """
    return ["-A", SERVICES[0].celery_app, "beat", "--loglevel", load(BeatSettings).celery_beat_loglevel]


if __name__ == "__main__":
    run_celery(beat_arguments())
