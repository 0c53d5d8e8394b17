"""What a Celery app was configured with: the project and the settings, to be found wherever there is the app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from celery import Celery
from pydantic_settings import BaseSettings

from trinity_celery.config.beat_settings import BeatSettings, beat_settings_class
from trinity_celery.config.environment import load
from trinity_celery.config.project import Project
from trinity_celery.config.settings import PER_QUEUE, CelerySettings, Configuration

BeatSchedule = Mapping[str, Configuration]


@dataclass(frozen=True)
class Runtime:
    """The project, and what the environment says about it.

    Attributes:
        project: its services and queues.
        settings: about Celery.
        beat_settings: about beat; ``None`` in a project without one.
        beat_schedule: the periodic tasks that come with the code, in the form of Celery's setting of this name.
        schedule_module: where they are written down.
    """

    project: Project
    settings: CelerySettings
    beat_settings: BeatSettings | None = None
    beat_schedule: BeatSchedule = field(default_factory=dict)
    schedule_module: str = ""

    def consumed_queues(self, queue: str) -> list[str]:
        """Return what the worker of a queue listens to: that queue, and the one of its periodic tasks.

        Args:
            queue: the name of the queue.
        """
        return [queue, self.beat_settings.beat_queue(queue)] if self.beat_settings else [queue]

    def all_queues(self) -> list[str]:
        """Return every queue that some worker of this project listens to, each once."""
        names = (name for queue in self.project.queues for name in self.consumed_queues(queue.name))
        return list(dict.fromkeys(names))


def load_runtime(project: Project, settings: CelerySettings | None = None) -> Runtime:
    """Return ``project`` with what the environment says about it.

    Args:
        project: its services and queues.
        settings: read from the environment unless given.

    Raises:
        SystemExit: a variable has a bad value; one line for each names it.
    """
    settings = settings or load(CelerySettings)
    beat_class = beat_settings_class(project)
    beat_settings = load(beat_class) if beat_class else None
    problem = settings.find_problem(project) or (beat_settings and beat_settings.find_problem(project))
    if problem:
        raise SystemExit(problem)
    return Runtime(project, settings, beat_settings)


def known_variables(project: Project) -> set[str]:
    """Return the names of all environment variables that the settings and the launchers read."""
    classes: list[type[BaseSettings]] = [CelerySettings]
    if beat_class := beat_settings_class(project):
        classes.append(beat_class)
    names = {field.upper() for settings in classes for field in settings.model_fields}
    return names | {f"{name}_{queue.identifier.upper()}" for name in PER_QUEUE for queue in project.queues}


_runtimes: WeakKeyDictionary[Celery, Runtime] = WeakKeyDictionary()


def attach(app: Celery, runtime: Runtime) -> None:
    """Let ``runtime_of(app)`` return ``runtime``."""
    _runtimes[app] = runtime


def runtime_of(app: Celery) -> Runtime:
    """Return what an app was configured with.

    Args:
        app: the Celery app, after ``trinity_celery.worker.configure``.

    Raises:
        RuntimeError: it was not configured.
    """
    runtime = _runtimes.get(app)
    if runtime is None:
        raise RuntimeError(f"the Celery app {app.main!r} was not configured: call configure(app, ...) first")
    return runtime
