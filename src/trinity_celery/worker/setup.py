"""Give a Celery app this library's configuration, its result backend and its worker."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from celery import Celery
from celery.signals import after_setup_logger, after_setup_task_logger, celeryd_init

from trinity_celery._compat.celery import Worker, use_result_backends
from trinity_celery.beat.schedule import Entries, celery_beat_schedule, refuse_other_schedules
from trinity_celery.config.environment import unread_variables
from trinity_celery.config.project import Project
from trinity_celery.config.redaction import redact_also, redact_log
from trinity_celery.config.runtime import Runtime, attach, known_variables, load_runtime
from trinity_celery.config.settings import CelerySettings
from trinity_celery.messages.runnable import refuse_unrunnable_tasks
from trinity_celery.worker.celery_settings import celery_configuration


@cache
def _warn_of_unread_variables(project: Project) -> None:
    """Say what nothing reads, once for all the apps of a process."""
    for line in unread_variables("CELERY_", known_variables(project)):
        print(f"warning: {line}", file=sys.stderr)


def _with_schedule(runtime: Runtime, entries: Entries | None) -> Runtime:
    if entries is None or runtime.beat_settings is None:
        return runtime
    table = celery_beat_schedule(runtime.project, runtime.beat_settings, entries)
    return replace(runtime, beat_schedule=table, schedule_module=entries.__module__)


def configure(
    app: Celery,
    *,
    project: Project,
    service: str,
    settings: CelerySettings | None = None,
    schedule: Entries | None = None,
) -> Runtime:
    """Give ``app`` the shared configuration and make it the app that every thread of this process uses.

    Args:
        app: the Celery app of a service.
        project: the services and queues of which this is one.
        service: which service, by its name in ``project``.
        settings: read from the environment unless given.
        schedule: returns the periodic tasks that come with the code.

    Returns:
        What was configured; ``trinity_celery.config.runtime.runtime_of(app)`` returns it, too.

    Raises:
        SystemExit: a variable has a bad value; one line for each names it.
        LookupError: ``project`` has no such service, or an entry of the schedule cannot run.
    """
    found = project.find_service(service)
    runtime = _with_schedule(load_runtime(project, settings), schedule)
    attach(app, runtime)
    redact_also(runtime.settings.redacted_names)
    _warn_of_unread_variables(project)
    app.conf.update(celery_configuration(runtime, found))
    # Celery's own result backend gives up a task whose state it cannot keep.
    backends = dict.fromkeys(("redis", "rediss"), "trinity_celery.messages.result_backend:Backend")
    use_result_backends(app, backends)
    # "Current" is kept per thread: without a default, a thread of a pool would send to Celery's default broker.
    app.set_default()

    def become_worker(instance: Worker, options: Mapping[str, str | Sequence[str] | None], **_: object) -> None:
        if instance.app is app:
            refuse_other_schedules(app)
            app.conf.update(celery_configuration(runtime, found, role="worker"))
            # Only a worker needs Celery's worker modules.
            from trinity_celery.worker.consumer import prepare_worker
            from trinity_celery.worker.queues import choose_queues

            prepare_worker(app, runtime.settings)
            choose_queues(app, options.get("queues"))

    def check_tasks(**_: object) -> None:
        refuse_unrunnable_tasks(app.tasks.values())

    celeryd_init.connect(become_worker, weak=False)
    app.on_after_finalize.connect(check_tasks, weak=False)
    after_setup_logger.connect(redact_log)
    after_setup_task_logger.connect(redact_log)
    return runtime
