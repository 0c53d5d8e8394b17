"""Launchers of the processes that are not web services: ``python -m shared.commands.NAME``."""

import os
import sys
from typing import NoReturn


def run_celery(arguments: list[str]) -> NoReturn:
    """Replace this process by ``celery`` with ``arguments``, so that signals reach it without a go-between."""
    sys.stdout.flush()
    # Env files list every variable. What is empty there counts as unset, but Celery and its plugins would take it.
    environment = {name: value for name, value in os.environ.items() if value}
    os.execve(sys.executable, [sys.executable, "-m", "celery", *arguments], environment)
