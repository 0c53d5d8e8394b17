"""Start the worker of one queue: ``python -m shared.commands.worker QUEUE [OPTIONS OF CELERY]``.

Everything is said on Celery's command line, because Celery would otherwise take ``CELERY_WORKER_*`` variables from
the environment by itself, and those of one queue would reach them all.
"""

import os
import sys
from importlib.util import find_spec

from shared.commands import run_celery
from shared.layout import Queue, find_queue
from shared.settings import consumed_queues, worker_settings


def worker_arguments(queue: Queue) -> list[str]:
    """Return Celery's arguments for the worker of ``queue``.

    Raises:
        SystemExit: a variable has a bad value.
    """
    settings = worker_settings(queue)
    if settings.celery_worker_pool == "gevent" and find_spec("gevent") is None:
        raise SystemExit("CELERY_WORKER_POOL: gevent is not installed: run `uv add gevent`, or use threads")
    arguments = ["-A", queue.worker_app, "worker"]
    arguments += ["--queues", ",".join(consumed_queues(queue.name)), "--hostname", f"{queue.name}@%h"]
    arguments += ["--loglevel", settings.celery_worker_loglevel, "--pool", settings.celery_worker_pool]
    return [*arguments, "--concurrency", str(settings.celery_worker_concurrency)]


def main(queue_name: str = "", *options: str) -> None:
    """Replace this process by Celery's worker; ``options`` win over what this module says.

    Raises:
        SystemExit: there is no such queue, or a variable has a bad value.
    """
    try:
        queue = find_queue(queue_name)
    except LookupError as error:
        raise SystemExit(str(error)) from None
    # Soft shutdown needs SIGQUIT, and what stops a worker (honcho, Docker, systemd) sends SIGTERM.
    # https://docs.celeryq.dev/en/stable/userguide/workers.html#the-remap-sigterm-feature
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    run_celery([*worker_arguments(queue), *options])


if __name__ == "__main__":
    main(*sys.argv[1:])
