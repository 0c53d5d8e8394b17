"""``trinity worker QUEUE``: run the worker of one queue.

Of Celery's commands only this one is loaded: ``celery`` itself imports all of them, and those of every package that
adds some, which takes longer than everything else that a worker needs.
"""

import gc
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

import click

from trinity_celery.cli.processes import drop_empty_variables, run_celery
from trinity_celery.cli.project import find_project
from trinity_celery.config import Project, Queue, load_runtime
from trinity_celery.config.settings import worker_settings

# How an argument ends that only Celery's own command can follow: it patches modules before any other is imported, or
# starts anew in the background.
LEFT_TO_CELERY = ("eventlet", "gevent", "-D", "--detach")


def named_pool(options: Sequence[str]) -> str | None:
    """Return the pool that ``options`` of Celery name, if they do."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-P", "--pool")
    pool: str | None = parser.parse_known_args(options)[0].pool
    return pool


def worker_arguments(project: Project, queue: Queue, options: Sequence[str] = ()) -> list[str]:
    """Return Celery's arguments for the worker of ``queue``; ``options`` of Celery win.

    Raises:
        SystemExit: a variable has a bad value.
    """
    settings = worker_settings(queue)
    # Celery starts the last pool that it finds in its command line, and patches modules for the first.
    pool = named_pool(options) or settings.celery_worker_pool
    if pool == "gevent" and find_spec("gevent") is None:
        raise SystemExit("CELERY_WORKER_POOL: gevent is not installed: run `uv add gevent`, or use threads")
    arguments = ["-A", queue.worker_app, "worker"]
    consumed = load_runtime(project).consumed_queues(queue.name)
    arguments += ["--queues", ",".join(consumed), "--hostname", f"{queue.name}@%h"]
    arguments += ["--loglevel", settings.celery_worker_loglevel, "--pool", pool]
    arguments += ["--prefetch-multiplier", str(settings.celery_worker_prefetch_multiplier)]
    return [*arguments, "--concurrency", str(settings.celery_worker_concurrency), *options]


def run_worker(app_module: str, options: list[str]) -> NoReturn:
    """Do what ``celery -A app_module worker`` does, in this process."""
    from celery.app.utils import find_app
    from celery.bin.base import CLIContext
    from celery.bin.worker import worker as celery_worker

    app = find_app(app_module)
    celery_worker.params.extend(app.user_options["worker"])
    celery_worker(options, prog_name="celery worker", obj=CLIContext(app, no_color=False, workdir=None))
    raise AssertionError("the command ends the process")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("queue", default="")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF CELERY]...")
def worker(queue: str, options: tuple[str, ...]) -> None:
    """Run the worker of one QUEUE, as Celery's own command does.

    Variables such as CELERY_WORKER_CONCURRENCY say how; options of `celery worker` that follow the queue win.
    """
    # Imports leave little to collect; trinity_celery/worker/memory.py turns collection on again.
    gc.disable()
    project = find_project()
    try:
        found = project.find_queue(queue)
    except LookupError as error:
        raise SystemExit(str(error)) from None
    arguments = worker_arguments(project, found, options)
    if any(argument.endswith(LEFT_TO_CELERY) for argument in arguments):
        run_celery(arguments)
    drop_empty_variables()
    # What Celery repeats on SIGHUP.
    sys.argv[:] = ["-m", "trinity_celery", "worker", queue, *options]
    run_worker(found.worker_app, arguments[3:])
