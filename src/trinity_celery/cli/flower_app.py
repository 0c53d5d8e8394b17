"""The Celery app that Flower looks through. It belongs to no service, so that Flower needs neither's packages."""

from trinity_celery.cli.project import find_project
from trinity_celery.worker import ProjectApp, configure

_project = find_project()
celery_app = ProjectApp(_project.name)
configure(celery_app, project=_project, service=_project.services[0].name)
