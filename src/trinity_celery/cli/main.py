"""The group of all subcommands, and what the process says of a wrong command line."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from trinity_celery.cli.project import VARIABLE

# Each subcommand, with the module of this package that has a function of the same name.
SUBCOMMANDS = {
    "worker": ("worker", "Run the worker of one queue."),
    "beat": ("beat", "Run beat, which sends the tasks of the schedule."),
    "flower": ("flower", "Run Flower, the web page that shows workers and tasks."),
    "check": ("check", "Ask whether settings are right and servers can be used."),
    "dead-letters": ("dead_letters", "List what failed for good, send it again or throw it away."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it runs, and none of them for its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        return [*SUBCOMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand, or ``None`` if there is none of this name."""
        if cmd_name not in SUBCOMMANDS:
            return None
        name, _ = SUBCOMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"trinity_celery.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each subcommand is for."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, purpose) in SUBCOMMANDS.items()])


@click.group(cls=LazyGroup)
@click.option(
    "--project",
    metavar="MODULE:NAME",
    help=f"Where the Project is. By default {VARIABLE} says so, or [tool.trinity-celery] in pyproject.toml.",
)
def trinity(project: str | None) -> None:
    """Run and look after the processes of a project that uses trinity-celery."""
    # Celery imports the modules of an app from here, too.
    if os.getcwd() not in sys.path:  # noqa: PTH109  (a string, as in sys.path)
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    if project:
        # Also for the process that takes the place of this one.
        os.environ[VARIABLE] = project


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, and end the process.

    Args:
        arguments: those of the process by default.

    Raises:
        SystemExit: always. Of a wrong command line it says one line, and its status is 2; after Ctrl-C it is 130, as
            in a shell.
    """
    try:
        sys.exit(trinity.main(arguments, prog_name="trinity", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        print(f"error: {error.format_message().rstrip('.')}; --help tells more", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(128 + signal.SIGINT)
