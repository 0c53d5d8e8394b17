"""``trinity beat``: run beat, which sends the tasks of the schedule."""

import re
from importlib.util import find_spec

import click

from trinity_celery.cli.processes import run_celery
from trinity_celery.cli.project import find_project
from trinity_celery.config import BeatSettings, Project, load


def beat_arguments(project: Project) -> list[str]:
    """Return Celery's arguments for beat. It runs nothing itself, so any service's app serves.

    Raises:
        SystemExit: there is no beat in this project, or a variable has a bad value.
    """
    if project.beat_scheduler is None:
        raise SystemExit(f"error: {project.name} has no beat: pass beat_scheduler to its Project")
    settings = load(BeatSettings)
    module = re.split("[.:]", settings.celery_beat_scheduler)[0]
    if re.search("[.:]", settings.celery_beat_scheduler) and find_spec(module) is None:
        raise SystemExit(f"CELERY_BEAT_SCHEDULER: there is no module {module!r}: install it, or correct the variable")
    return ["-A", project.services[0].celery_app, "beat", "--loglevel", settings.celery_beat_loglevel]


@click.command
def beat() -> None:
    """Run beat, which sends the tasks of the schedule to their queues. Run exactly one."""
    run_celery(beat_arguments(find_project()))
