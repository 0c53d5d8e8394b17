"""What subcommands do before Celery goes on in their process."""

import os
import sys
from typing import NoReturn


def drop_empty_variables() -> None:
    """Forget empty variables: env files list every one, and what is empty there counts as unset.

    Celery and its plugins would take it.
    """
    for name in [name for name, value in os.environ.items() if not value]:
        del os.environ[name]


def run_celery(arguments: list[str]) -> NoReturn:
    """Replace this process by ``celery`` with ``arguments``, so that signals reach it without a go-between."""
    sys.stdout.flush()
    drop_empty_variables()
    os.execv(sys.executable, [sys.executable, "-m", "celery", *arguments])
