"""``trinity dead-letters``: look through dead letters, send them again or throw them away."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from itertools import islice

import click

from trinity_celery.cli.app import configured_app
from trinity_celery.cli.project import find_project
from trinity_celery.config import redact_text
from trinity_celery.dead_letters import DeadLetter, LetterFilter, Replay, open_replay
from trinity_celery.dead_letters.replay import UNAVAILABLE, in_one_line
from trinity_celery.errors import NotReplayableError
from trinity_celery.health.refusals import refuse_refusing_servers
from trinity_celery.messages.reasons import REASONS

COLUMNS = ("ID", "FAILED AT (UTC)", "QUEUE", "TASK", "REASON", "ERROR")
ERROR_WIDTH = 60


def printable(text: str) -> str:
    """Return ``text`` with nothing in it that a terminal would obey."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def row(letter: DeadLetter) -> tuple[str, ...]:
    """Return what stands in the columns of the list."""
    error = " ".join(redact_text(letter.error).split())
    shown = error if len(error) <= ERROR_WIDTH else f"{error[: ERROR_WIDTH - 1]}…"
    when = f"{letter.failed_at:%Y-%m-%d %H:%M:%S}"
    cells = (letter.id, when, letter.queue or "?", letter.task or "?", letter.reason, shown)
    return tuple(map(printable, cells))


def print_list(office: Replay, wanted: LetterFilter, limit: int) -> None:
    """Print a table of at most ``limit`` letters, the newest first."""
    limit = min(limit, sys.maxsize - 1)  # what islice can count to, less the one that says there are more
    letters = list(islice(office.find(wanted), limit + 1))
    if not letters:
        print("no dead letters")
        return
    rows = [COLUMNS, *(row(letter) for letter in letters[:limit])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    if len(letters) > limit:
        print(f"... and more: {len(office.letters)} in all")


def print_letter(office: Replay, identifier: str) -> None:
    """Print one letter without what is secret."""
    shown = office.read(identifier).redacted()
    traceback = shown.pop("traceback")
    width = max(map(len, shown))
    for name, value in shown.items():
        if value not in (None, ""):
            plain = isinstance(value, str | datetime)
            text = str(value) if plain else json.dumps(value, default=str, ensure_ascii=False)
            print(f"{name.replace('_', ' '):{width}}  {printable(text)}")
    if traceback:
        print(f"\n{printable(traceback)}")


@dataclass(frozen=True)
class Choice:
    """Which letters a command is about: those with these ids, or those that a filter finds."""

    ids: tuple[str, ...]
    wanted: LetterFilter

    def letters(self, office: Replay) -> Iterator[DeadLetter]:
        """Yield them; raise ``LookupError`` for an id that is none."""
        if self.ids:
            yield from [office.read(identifier) for identifier in self.ids]
        else:
            yield from office.find(self.wanted)


def replay_chosen(office: Replay, choice: Choice) -> int:
    """Send letters again, and return the exit status."""
    sent, left = 0, 0
    for letter in choice.letters(office):
        try:
            task_id = office.replay(letter)
        except (NotReplayableError, LookupError) as error:
            left += 1
            print(f"error: {error.args[0]}", file=sys.stderr)
        else:
            sent += 1
            print(printable(f"sent {letter.task} {task_id} to {letter.queue}"))
    print(f"sent {sent}" + (f", left {left}" if left else ""))
    return 1 if left else 0


def drop_chosen(office: Replay, choice: Choice) -> None:
    """Throw letters away."""
    dropped = [letter.id for letter in choice.letters(office) if office.letters.drop(letter.id)]
    print(f"dropped {len(dropped)}")


@contextmanager
def opened() -> Iterator[Replay]:
    """Open the store, with what the broker has set aside; say in one line what ends a command.

    Raises:
        SystemExit: there is no such letter, or a server is away or refuses what its URL says.
    """
    app = configured_app(find_project())
    refuse_refusing_servers(app)
    try:
        office = open_replay(app)
        try:
            office.collect()
        except UNAVAILABLE as error:
            print(f"warning: the broker is away, and may hold more of them: {in_one_line(error)}", file=sys.stderr)
        yield office
    except LookupError as error:
        raise SystemExit(f"error: {error.args[0]}") from None
    except UNAVAILABLE as error:
        raise SystemExit(f"error: Redis or the broker is away: {in_one_line(error)}") from None


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose letters by what they are about."""
    command = click.option("--reason", type=click.Choice(REASONS), help="Only what failed for this reason.")(command)
    command = click.option("--queue", metavar="NAME", help="Only from this queue.")(command)
    return click.option("--task", metavar="NAME", help="Only this task.")(command)


def choice(command: Callable[[Choice], None]) -> Callable[..., None]:
    """Add the arguments and options that choose letters, and pass on what was chosen."""

    @wraps(command)
    def choose(ids: tuple[str, ...], every: bool, task: str | None, queue: str | None, reason: str | None) -> None:
        ways = [bool(ids), every, bool(task or queue or reason)]
        if sum(ways) != 1:
            name = click.get_current_context().info_name
            raise click.UsageError(f"{name}: say which letters: ids, or --task, --queue and --reason, or --all")
        command(Choice(ids, LetterFilter(task, queue, reason)))

    every = click.option("--all", "every", is_flag=True, help="Every letter.")(filters(choose))
    return click.argument("ids", nargs=-1, metavar="[ID]...")(every)


@click.group(invoke_without_command=True)
@click.pass_context
def dead_letters(context: click.Context) -> None:
    """List what failed for good, send it again or throw it away. Without a command: list."""
    if context.invoked_subcommand is None:
        context.invoke(list_letters)


@dead_letters.command("list")
@filters
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, newest first.")
def list_letters(task: str | None, queue: str | None, reason: str | None, limit: int) -> None:
    """Print one line for each letter."""
    with opened() as office:
        print_list(office, LetterFilter(task, queue, reason), limit)


@dead_letters.command
@click.argument("identifier", metavar="ID")
def show(identifier: str) -> None:
    """Print everything about one letter, but secrets."""
    with opened() as office:
        print_letter(office, identifier)


@dead_letters.command
@choice
def replay(chosen: Choice) -> None:
    """Send tasks again, to their queues."""
    with opened() as office:
        status = replay_chosen(office, chosen)
    sys.exit(status)


@dead_letters.command
@choice
def drop(chosen: Choice) -> None:
    """Throw letters away."""
    with opened() as office:
        drop_chosen(office, chosen)
