"""``make task``: run one task by hand, by its name and with arguments in JSON."""

import argparse
import difflib
import json
import sys
from importlib import import_module
from typing import Any

from celery import Celery
from celery.exceptions import TimeoutError

from shared.queues import PROJECT

PATIENCE = 60  # seconds
EXAMPLE = """ARGS='{"text": "hello"}'"""


def apps() -> list[Celery]:
    """Return the Celery app of every service, with its tasks registered."""
    found = [import_module(service.celery_app).celery_app for service in PROJECT.services]
    for app in found:
        app.loader.import_default_modules()
    return found


def parse_arguments(text: str) -> dict[str, Any]:
    """Return the keyword arguments that ``text`` holds; empty means none.

    Raises:
        SystemExit: it is not a JSON object.
    """
    try:
        arguments = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise SystemExit(f"error: ARGS is not JSON ({error}): write it like {EXAMPLE}") from None
    if not isinstance(arguments, dict):
        raise SystemExit(f"error: ARGS must be a JSON object that names the arguments: {EXAMPLE}")
    return arguments


def find_app(name: str) -> Celery:
    """Return the app that knows the task called ``name``.

    Raises:
        SystemExit: none does; the message lists the nearest names.
    """
    found = apps()
    for app in found:
        if name in app.tasks:
            return app
    names = sorted({task for app in found for task in app.tasks if not task.startswith("celery.")})
    listed = "\n".join(f"  {task}" for task in difflib.get_close_matches(name, names, n=3) or names)
    raise SystemExit(f"error: there is no task {name!r}; NAME is one of\n{listed}")


def run_here(app: Celery, name: str, arguments: dict[str, Any]) -> Any:
    """Run the task in this process, once, and return what it returns.

    Raises:
        SystemExit: it failed; what it raised is printed first.
    """
    task = app.tasks[name]
    # Whoever runs a task by hand wants to see why it fails, not to wait for its retries.
    task.max_retries = 0
    result = task.apply(kwargs=arguments)
    if result.failed():
        print(result.traceback, file=sys.stderr)
        raise SystemExit(f"error: {name} failed: {result.result}")
    return result.result


def send(app: Celery, name: str, arguments: dict[str, Any]) -> Any:
    """Send the task to its queue, wait for a worker to run it, and return what it returns.

    Raises:
        SystemExit: no broker, no worker that runs it within ``PATIENCE`` seconds, or the task failed.
    """
    try:
        result = app.send_task(name, kwargs=arguments)
        print(f"sent {result.id} to {PROJECT.queue_of_task(name)}", flush=True)
        return None if app.tasks[name].ignore_result else result.get(timeout=PATIENCE)
    except TimeoutError:
        raise SystemExit(f"error: no worker has run it within {PATIENCE} s: is `make dev` running?") from None
    except Exception as error:
        raise SystemExit(f"error: {name} failed: {error}") from None


def main() -> None:
    """Run the task in this process, or with ``--send`` on a worker, and print what it returned."""
    parser = argparse.ArgumentParser(prog="make task")
    parser.add_argument("name")
    parser.add_argument("arguments")
    parser.add_argument("--send", action="store_true")
    options = parser.parse_args()
    arguments = parse_arguments(options.arguments)
    app = find_app(options.name)
    run = send if options.send else run_here
    print(json.dumps(run(app, options.name, arguments), indent=2))


if __name__ == "__main__":
    main()
