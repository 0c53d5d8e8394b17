"""``make task``: run one task by hand, by its name and with arguments in JSON."""

import argparse
import difflib
import json
from importlib import import_module
from typing import Any

from celery import Celery

from shared.layout import SERVICES

EXAMPLE = """ARGS='{"text": "hello"}'"""


def apps() -> list[Celery]:
    """Return the Celery app of every service, with its tasks registered."""
    found = [import_module(service.celery_app).celery_app for service in SERVICES]
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


def main() -> None:
    """Run the task in this process, or with ``--send`` on a worker, and print what it returned."""
    parser = argparse.ArgumentParser(prog="make task")
    parser.add_argument("name")
    parser.add_argument("arguments")
    parser.add_argument("--send", action="store_true")
    options = parser.parse_args()
    arguments = parse_arguments(options.arguments)
    app = find_app(options.name)
    if options.send:
        # Asked for expressly, the result is kept even where the task itself would not keep it.
        result = app.send_task(options.name, kwargs=arguments)
        print(f"sent {result.id}", flush=True)
        if app.tasks[options.name].ignore_result:
            return
        value = result.get(timeout=60)
    else:
        value = app.tasks[options.name].apply(kwargs=arguments, throw=True).get()
    print(json.dumps(value, indent=2))


if __name__ == "__main__":
    main()
