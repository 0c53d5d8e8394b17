"""What this project consists of: its name, its services and its queues, as plain data.

To add a queue, add a ``Queue`` here, a line to ``Procfile``, a service to both Compose files, and its name to
``QUEUES`` in the ``Makefile``; the tests name whatever is missing.
"""

from trinity_celery.config import Project, Queue, Service

PROJECT = Project(
    name="{{ cookiecutter.project_slug }}",
    services=[
        # jinja: for service in plan(cookiecutter).services
        Service(
            name="{{ service.name }}",
            package="{{ service.package }}",
            celery_app="{{ service.celery_app }}",
            default_queue="{{ service.default_queue }}",
        ),
        # jinja: endfor
    ],
    queues=[
        # jinja: for queue in plan(cookiecutter).queues
        Queue(name="{{ queue.name }}", worker_app="{{ queue.worker_app }}"),
        # jinja: endfor
    ],
    # jinja: if cookiecutter.beat_scheduler != "none"
    beat_scheduler="{{ cookiecutter.beat_scheduler }}",
    # jinja: endif
)
