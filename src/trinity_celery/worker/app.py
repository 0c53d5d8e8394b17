"""The class of this project's Celery apps: what holds for each message, whoever sends it and in whatever way.

Tasks, signatures, retries and contracts all end in ``send_task``.
"""

from datetime import datetime
from traceback import extract_stack
from typing import NoReturn

from celery import Celery, Signature
from celery.result import AsyncResult

from trinity_celery._compat.celery import find_task
from trinity_celery.brokers.delays import settle_delay
from trinity_celery.config.runtime import runtime_of
from trinity_celery.messages.payloads import keep_choice
from trinity_celery.messages.runnable import check_runnable


class ProjectApp(Celery):
    """Celery's app, which sends nothing that could not run, and no delay that its broker does not know."""

    def send_task(
        self,
        name: str,
        args: object = None,
        kwargs: object = None,
        countdown: float | None = None,
        eta: datetime | str | None = None,
        *more: object,
        **options: object,
    ) -> "AsyncResult[object]":
        """Send a task by its name.

        https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.send_task

        Args:
            name: the task's registered name.
            args: its positional arguments.
            kwargs: its keyword arguments.
            countdown: seconds before the task may start.
            eta: when the task may start, with a time zone.
            more: other arguments of Celery's own ``send_task``.
            options: the same, by name.

        Returns:
            an ``AsyncResult``.

        Raises:
            UnrunnableTaskError: a task of this process has this name, and Celery cannot run its function.
            ValueError: ``countdown`` or ``eta`` lies too far ahead, or ``eta`` has no time zone.
        """
        check_runnable(find_task(self, name))
        if countdown or eta:
            countdown, eta = settle_delay(self, countdown, eta)
        if options.get("mandatory") is None:  # or a broker may take, and drop, what no queue gets
            options["mandatory"] = True
        if options.get("task_type") is None:  # a task has done so by itself
            options = keep_choice(options)
        return super().send_task(name, args, kwargs, countdown, eta, *more, **options)  # type: ignore[arg-type]

    def add_periodic_task(
        self,
        schedule: object,
        sig: Signature,
        args: object = (),
        kwargs: object = (),
        name: str | None = None,
        **options: object,
    ) -> NoReturn:
        """Refuse what no process of this project would start: its periodic tasks stand in one table.

        Args:
            schedule: as for Celery's own method.
            sig: the same.
            args: the same.
            kwargs: the same.
            name: the same.
            options: the same.

        Raises:
            SystemExit: always; the message says where to write the entry instead.
        """
        place = extract_stack(limit=2)[0]
        runtime = runtime_of(self)
        instead = f"write an Entry in {runtime.schedule_module}" if runtime.schedule_module else "it has no beat"
        raise SystemExit(
            f"error: {place.filename}:{place.lineno}: periodic task {name or sig.name!r}: add_periodic_task has no "
            f"effect in this project: {instead}"
        )
