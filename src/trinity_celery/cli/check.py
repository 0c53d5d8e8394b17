"""``trinity check``: say what is wrong with settings and servers before a process meets it."""

import os

import click

from trinity_celery.cli.project import find_project
from trinity_celery.config import load_runtime
from trinity_celery.config.environment import PLACEHOLDER


def placeholders() -> list[str]:
    """Return a line for each variable of this process that was not filled in."""
    return [
        f"{name}: still holds {PLACEHOLDER}: put the real value there"
        for name, value in sorted(os.environ.items())
        if PLACEHOLDER in value
    ]


def check_settings() -> None:
    """Say what is wrong with the variables of this process.

    Raises:
        SystemExit: one holds a placeholder or a bad value; one line for each.
    """
    if lines := placeholders():
        raise SystemExit("\n".join(lines))
    load_runtime(find_project())


@click.command
@click.option("--settings", "only_settings", is_flag=True, help="Look at variables only, before any server runs.")
def check(only_settings: bool) -> None:
    """Ask whether settings are right, and whether broker and result backend can be used and lose nothing."""
    if only_settings:
        check_settings()
        return
    # Settings are checked faster without what asks servers.
    from trinity_celery.cli.servers import check_servers

    check_servers(find_project())
