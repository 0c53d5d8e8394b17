#!/usr/bin/env python3
"""Django's command line."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db.utils import OperationalError

from config.database import connection_problem


def main() -> None:
    """Run the command that was given."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        problem = connection_problem(error, settings.DATABASES["default"])
        if problem is None:
            raise
        raise SystemExit(f"error: {problem}") from None


if __name__ == "__main__":
    main()
