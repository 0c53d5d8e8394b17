"""Start the worker of one queue: ``python -m shared.commands.worker QUEUE``.

Everything is said on Celery's command line, because Celery would otherwise take ``CELERY_WORKER_*`` variables from
the environment by itself, and those of one queue would reach them all.
"""

import os
import sys

from shared.commands import run_celery
from shared.layout import Queue, find_queue, queue_names
from shared.settings import consumed_queues, worker_settings


def worker_arguments(queue: Queue, name: str | None = None) -> list[str]:
    """Return Celery's arguments for the worker of ``queue``.

    Args:
        queue: what the worker consumes, together with the queue of its scheduled tasks if there is one.
        name: the node's name before the ``@``; two workers on one host need two names.

    Raises:
        SystemExit: a variable has a bad value.
    """
    settings = worker_settings(queue)
    arguments = ["-A", queue.worker_app, "worker"]
    arguments += ["--queues", ",".join(consumed_queues(queue.name)), "--hostname", f"{name or queue.name}@%h"]
    arguments += ["--loglevel", settings.celery_worker_loglevel, "--pool", settings.celery_worker_pool]
    return [*arguments, "--concurrency", str(settings.celery_worker_concurrency)]


def main(arguments: list[str]) -> None:
    """Replace this process by Celery's worker."""
    if not 1 <= len(arguments) <= 2:
        raise SystemExit(
            f"usage: python -m shared.commands.worker QUEUE [NAME], QUEUE being {', '.join(queue_names())}"
        )
    try:
        queue = find_queue(arguments[0])
    except LookupError as error:
        raise SystemExit(str(error)) from None
    # Soft shutdown needs SIGQUIT, and what stops a worker (honcho, Docker, systemd) sends SIGTERM.
    # https://docs.celeryq.dev/en/stable/userguide/workers.html#the-remap-sigterm-feature
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    run_celery(worker_arguments(queue, *arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
