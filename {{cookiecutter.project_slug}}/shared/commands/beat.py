"""Start beat, which sends the schedule's tasks: ``python -m shared.commands.beat``."""

import re
from importlib.util import find_spec

from trinity_celery.config import BeatSettings, load

from shared.commands import run_celery
from shared.queues import PROJECT


def beat_arguments() -> list[str]:
    """Return Celery's arguments for beat. It runs nothing itself, so any service's app serves.

    Raises:
        SystemExit: a variable has a bad value.
    """
    settings = load(BeatSettings)
    module = re.split("[.:]", settings.celery_beat_scheduler)[0]
    if re.search("[.:]", settings.celery_beat_scheduler) and find_spec(module) is None:
        raise SystemExit(f"CELERY_BEAT_SCHEDULER: there is no module {module!r}: install it, or correct the variable")
    return ["-A", PROJECT.services[0].celery_app, "beat", "--loglevel", settings.celery_beat_loglevel]


if __name__ == "__main__":
    run_celery(beat_arguments())
