"""Start the worker of one queue: ``python -m shared.commands.worker QUEUE [OPTIONS OF CELERY]``.

Of Celery's commands only this one is loaded: ``celery`` itself imports all of them, and those of every package that
adds some, which takes longer than everything else that a worker needs.
"""

import gc
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

from trinity_celery.config import Queue, load_runtime
from trinity_celery.config.settings import worker_settings

from shared.commands import drop_empty_variables, run_celery
from shared.queues import PROJECT

# How an argument ends that only Celery's own command can follow: it patches modules before any other is imported, or
# starts anew in the background.
LEFT_TO_CELERY = ("eventlet", "gevent", "-D", "--detach")


def named_pool(options: Sequence[str]) -> str | None:
    """Return the pool that ``options`` of Celery name, if they do."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-P", "--pool")
    pool: str | None = parser.parse_known_args(options)[0].pool
    return pool


def worker_arguments(queue: Queue, options: Sequence[str] = ()) -> list[str]:
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
    consumed = load_runtime(PROJECT).consumed_queues(queue.name)
    arguments += ["--queues", ",".join(consumed), "--hostname", f"{queue.name}@%h"]
    arguments += ["--loglevel", settings.celery_worker_loglevel, "--pool", pool]
    arguments += ["--prefetch-multiplier", str(settings.celery_worker_prefetch_multiplier)]
    return [*arguments, "--concurrency", str(settings.celery_worker_concurrency), *options]


def run_worker(app_module: str, options: list[str]) -> NoReturn:
    """Do what ``celery -A app_module worker`` does, in this process."""
    from celery.app.utils import find_app
    from celery.bin.base import CLIContext
    from celery.bin.worker import worker

    app = find_app(app_module)
    worker.params.extend(app.user_options["worker"])
    worker(options, prog_name="celery worker", obj=CLIContext(app, no_color=False, workdir=None))
    raise AssertionError("the command ends the process")


def main(queue_name: str = "", *options: str) -> None:
    """Be Celery's worker for one queue.

    Raises:
        SystemExit: there is no such queue, or a variable has a bad value.
    """
    try:
        queue = PROJECT.find_queue(queue_name)
    except LookupError as error:
        raise SystemExit(str(error)) from None
    arguments = worker_arguments(queue, options)
    if any(argument.endswith(LEFT_TO_CELERY) for argument in arguments):
        run_celery(arguments)
    drop_empty_variables()
    # What Celery repeats on SIGHUP.
    sys.argv[:1] = ["-m", "shared.commands.worker"]
    run_worker(queue.worker_app, arguments[3:])


if __name__ == "__main__":
    # Imports leave little to collect; trinity_celery/worker/memory.py turns collection on again.
    gc.disable()
    main(*sys.argv[1:])
