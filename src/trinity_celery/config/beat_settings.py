"""What the environment decides about beat, as one typed object."""

import re

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from trinity_celery.config.environment import MODEL_CONFIG
from trinity_celery.config.project import Project
from trinity_celery.config.settings import LONGEST_TIME, Loglevel
from trinity_celery.config.time_zones import find_zone


class BeatSettings(BaseSettings):
    """Everything about beat that the environment decides. A field is the variable of the same name, upper-cased."""

    model_config = MODEL_CONFIG

    celery_beat_queue: str = "{queue}.beat"
    celery_beat_scheduler: str = ""  # a class, as in module.ClassName; empty: this project's choice
    celery_beat_loglevel: Loglevel = "info"
    celery_timezone: str = "UTC"  # whose clock the crontabs follow
    schedule_tick_seconds: float = Field(default=30, ge=0.1, le=LONGEST_TIME)

    @field_validator("celery_beat_queue")
    @classmethod
    def _check_beat_queue(cls, name: str) -> str:
        if not re.fullmatch(r"[\w.:-]+", name.replace("{queue}", "queue"), re.ASCII):
            raise ValueError(f"{name!r} is no name of a queue: use letters, digits and .:-_")
        return name

    @field_validator("celery_beat_scheduler")
    @classmethod
    def _check_scheduler(cls, name: str) -> str:
        if name and not re.fullmatch(r"\w+(\.\w+)*(:\w+)?", name):
            raise ValueError(f"{name!r} is no class: write module.ClassName")
        return name

    @field_validator("celery_timezone")
    @classmethod
    def _check_timezone(cls, name: str) -> str:
        return find_zone(name).key

    def find_problem(self, project: Project) -> str | None:
        """Return in one line what does not fit ``project``, or ``None``.

        Args:
            project: whose beat this is.
        """
        name = self.celery_beat_queue
        if "{queue}" in name or len({queue.worker_app for queue in project.queues}) == 1:
            return None
        return (
            f"CELERY_BEAT_QUEUE: {name!r} would be shared by workers that cannot run each other's tasks: write "
            "'{queue}' where the worker's queue belongs, as in '{queue}.beat'"
        )

    def beat_queue(self, queue: str) -> str:
        """Return where the schedule's entries for the tasks of a queue go; that queue's worker listens there, too.

        Args:
            queue: the name of the queue to which routes send these tasks.
        """
        return self.celery_beat_queue.replace("{queue}", queue)


class FileBeatSettings(BeatSettings):
    """What a beat needs besides that keeps its last runs in a file."""

    beat_schedule_filename: str = ".run/celerybeat-schedule"  # that file


def beat_settings_class(project: Project) -> type[BeatSettings] | None:
    """Return the settings of the project's beat; ``None``: it has no beat."""
    if project.beat_scheduler is None:
        return None
    return FileBeatSettings if project.beat_scheduler == "file" else BeatSettings
