"""Look through dead letters, send them again or throw them away: ``python -m shared.commands.dead_letters``."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NoReturn

from celery import Celery
from trinity_celery.config import redact_text
from trinity_celery.dead_letters import DeadLetter, LetterFilter, Replay, open_replay
from trinity_celery.dead_letters.replay import UNAVAILABLE, in_one_line
from trinity_celery.errors import NotReplayableError
from trinity_celery.health.refusals import refuse_refusing_servers
from trinity_celery.messages.reasons import REASONS

from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT

COLUMNS = ("ID", "FAILED AT (UTC)", "QUEUE", "TASK", "REASON", "ERROR")
ERROR_WIDTH = 60


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """End the process with status 2."""
        self.exit(2, f"error: {message}; --help tells more\n")


def count(text: str) -> int:
    """Return the number above 0 that ``text`` holds; raise ``ValueError`` if it holds none."""
    if not 0 < (number := int(text)) <= sys.maxsize - 1:
        raise ValueError(text)
    return number


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for; a wrong one ends the process with one line and status 2."""
    filters = Parser(add_help=False)
    filters.add_argument("--task", metavar="NAME", help="only this task")
    filters.add_argument("--queue", metavar="NAME", help="only from this queue")
    filters.add_argument("--reason", choices=REASONS, help="only what failed for this reason")
    chosen = Parser(add_help=False, parents=[filters])
    chosen.add_argument("ids", nargs="*", metavar="ID", help="the letters with these ids")
    chosen.add_argument("--all", action="store_true", help="every letter")
    parser = Parser(prog="dead-letters", description="What failed for good, and is kept.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    listing = commands.add_parser("list", parents=[filters], help="one line for each letter (the default)")
    listing.add_argument("--limit", type=count, default=50, help="at most so many, the newest first (default: 50)")
    commands.add_parser("show", help="everything about one letter").add_argument("id", metavar="ID")
    commands.add_parser("replay", parents=[chosen], help="send tasks again, to their queues")
    commands.add_parser("drop", parents=[chosen], help="throw letters away")
    options = parser.parse_args(words or ["list"])
    if options.command in ("replay", "drop"):
        ways = [bool(options.ids), options.all, bool(options.task or options.queue or options.reason)]
        if sum(ways) != 1:
            parser.error(f"{options.command}: say which letters: ids, or --task, --queue and --reason, or --all")
    return options


def printable(text: str) -> str:
    """Return ``text`` with nothing in it that a terminal would obey."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def wanted(options: argparse.Namespace) -> LetterFilter:
    """Return which letters the options ask for."""
    return LetterFilter(options.task, options.queue, options.reason)


def row(letter: DeadLetter) -> tuple[str, ...]:
    """Return what stands in the columns of the list."""
    error = " ".join(redact_text(letter.error).split())
    shown = error if len(error) <= ERROR_WIDTH else f"{error[: ERROR_WIDTH - 1]}…"
    when = f"{letter.failed_at:%Y-%m-%d %H:%M:%S}"
    cells = (letter.id, when, letter.queue or "?", letter.task or "?", letter.reason, shown)
    return tuple(map(printable, cells))


def show_list(office: Replay, options: argparse.Namespace) -> None:
    """Print a table."""
    letters = list(islice(office.find(wanted(options)), options.limit + 1))
    if not letters:
        print("no dead letters")
        return
    rows = [COLUMNS, *(row(letter) for letter in letters[: options.limit])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    if len(letters) > options.limit:
        print(f"... and more: {len(office.letters)} in all")


def show(office: Replay, identifier: str) -> None:
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


def chosen_letters(office: Replay, options: argparse.Namespace) -> Iterator[DeadLetter]:
    """Yield the letters that a command is about; raise ``LookupError`` for an id that is none."""
    if options.ids:
        yield from [office.read(identifier) for identifier in options.ids]
    else:
        yield from office.find(wanted(options))


def replay(office: Replay, options: argparse.Namespace) -> int:
    """Send letters again, and return the exit status."""
    sent, left = 0, 0
    for letter in chosen_letters(office, options):
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


def drop(office: Replay, options: argparse.Namespace) -> None:
    """Throw letters away."""
    dropped = [letter.id for letter in chosen_letters(office, options) if office.letters.drop(letter.id)]
    print(f"dropped {len(dropped)}")


def run(office: Replay, options: argparse.Namespace) -> int:
    """Do what the options ask for, and return the exit status."""
    try:
        office.collect()
    except UNAVAILABLE as error:
        print(f"warning: the broker is away, and may hold more of them: {in_one_line(error)}", file=sys.stderr)
    if options.command == "show":
        show(office, options.id)
    elif options.command == "replay":
        return replay(office, options)
    elif options.command == "drop":
        drop(office, options)
    else:
        show_list(office, options)
    return 0


def main(*words: str) -> None:
    """Run one command; ``words`` are those of the command line.

    Raises:
        SystemExit: there is no such letter, or a server is away or refuses what its URL says; one line says so.
    """
    options = parse(words)
    app = Celery(PROJECT.name)
    configure_celery_app(app, PROJECT.services[0].name)
    refuse_refusing_servers(app)
    try:
        sys.exit(run(open_replay(app), options))
    except LookupError as error:
        raise SystemExit(f"error: {error.args[0]}") from None
    except UNAVAILABLE as error:
        raise SystemExit(f"error: Redis or the broker is away: {in_one_line(error)}") from None


if __name__ == "__main__":
    main(*sys.argv[1:])
