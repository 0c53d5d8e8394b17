"""Refuse to go on with settings that cannot be right: ``python -m shared.commands.check_settings``.

Compose runs this before any server starts, since a server would keep a placeholder as its password.
"""

import os

from trinity_celery.config import load_runtime
from trinity_celery.config.environment import PLACEHOLDER

from shared.queues import PROJECT


def placeholders() -> list[str]:
    """Return a line for each variable of this process that was not filled in."""
    return [
        f"{name}: still holds {PLACEHOLDER}: put the real value there"
        for name, value in sorted(os.environ.items())
        if PLACEHOLDER in value
    ]


def main() -> None:
    """Say what is wrong.

    Raises:
        SystemExit: a variable holds a placeholder or a bad value; one line for each.
    """
    if lines := placeholders():
        raise SystemExit("\n".join(lines))
    load_runtime(PROJECT)


if __name__ == "__main__":
    main()
