#!/usr/bin/env python3
"""Django's command line."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db.utils import OperationalError, ProgrammingError
from trinity_celery.contrib.django.database_settings import connection_problem

# What Django's own command would do, but not as this project needs it.
ADVICE = {
    "test": "pytest runs the tests: use `make test`, or for some of them `uv run pytest PATH`",
    "startapp": "an app lives below backend/, else no image has it and its tasks have no route: "
    'make backend/NAME with an empty __init__.py, and add "backend.NAME" to INSTALLED_APPS in config/settings.py',
}


def main() -> None:
    """Run the command that was given."""
    command, *more = [*sys.argv[1:], ""]
    if command in ADVICE and "--help" not in more:
        raise SystemExit(f"error: {ADVICE[command]}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:
        problem = connection_problem(error, settings.DATABASES["default"])
        if problem is None:
            raise
        raise SystemExit(f"error: {problem}") from None


if __name__ == "__main__":
    main()
