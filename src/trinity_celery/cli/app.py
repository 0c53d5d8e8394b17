"""The Celery app of subcommands that run no task."""

from celery import Celery

from trinity_celery.config import Project
from trinity_celery.worker import configure


def configured_app(project: Project) -> Celery:
    """Return an app with the settings of ``project`` that knows none of its tasks, and none of its frameworks.

    Raises:
        SystemExit: a variable has a bad value; one line for each names it.
    """
    app = Celery(project.name)
    configure(app, project=project, service=project.services[0].name)
    return app
