"""Measure what tasks cost here and elsewhere, and print the ratios. Takes seven minutes, with --quick two."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from devtools.bench import away, consume, endpoint, growth, pools, send, settings, start
from devtools.bench.figures import Part
from devtools.bench.ground import Ground, open_ground
from devtools.bench.picture import write_picture
from devtools.bench.report import READ_RATIOS, machine, table, write_json, write_markdown
from devtools.bench.sending_processes import Senders

FEWEST_TASKS, MOST_TASKS = 50, 100_000

Run = Callable[[Ground, Senders, float], Part]

# Each part with the seconds that it may take about, and those with --quick; with 0 it is left out there unless named.
PARTS: dict[str, tuple[Run, float, float]] = {
    consume.NAME: (consume.run, 110, 18),
    send.NAME: (send.run, 25, 6),
    endpoint.NAME: (endpoint.run, 45, 14),
    start.NAME: (start.run, 40, 10),
    growth.NAME: (growth.run, 60, 0),
    pools.NAME: (pools.run, 120, 40),
    settings.NAME: (settings.run, 150, 0),
    away.NAME: (away.run, 90, 30),
}
ONLY_IF_NAMED = {settings.NAME, away.NAME}


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """End the process with status 2."""
        self.exit(2, f"error: {message}\n")


def output(name: str) -> Path:
    """Return a file that can be written, before anything is measured.

    Raises:
        argparse.ArgumentTypeError: its folder is not there, or it is a folder itself.
    """
    file = Path(name)
    if file.is_dir() or not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{name!r} cannot be written: name a file in a folder that is there")
    return file


def task_count(text: str) -> int:
    """Return how many tasks ``text`` says.

    Raises:
        argparse.ArgumentTypeError: it is no number, or there cannot be so many.
    """
    if not (text.isdecimal() and FEWEST_TASKS <= int(text) <= MOST_TASKS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {FEWEST_TASKS} to {MOST_TASKS}")
    return int(text)


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer tasks and rounds: two minutes")
    parser.add_argument("--tasks", type=task_count, help="how many each worker runs in a round of `consume`")
    parser.add_argument(
        "--pool", choices=pools.CONCURRENCY, action="append", help="only this pool in `pools`; may be repeated"
    )
    parser.add_argument("--json", type=output, metavar="FILE", help="write all rounds into this file")
    parser.add_argument("--markdown", type=output, metavar="FILE", help="write the tables into this file")
    parser.add_argument("--svg", type=output, metavar="FILE", help="draw the ratios into this file")
    return parser.parse_args(given)


def main(given: list[str]) -> None:
    """Measure, print the tables, and write what was asked for."""
    options = arguments(given)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    usual = [
        name for name, (_, _, quick) in PARTS.items() if name not in ONLY_IF_NAMED and (quick or not options.quick)
    ]
    chosen = options.only or usual
    say("starting the servers")
    parts = []
    with (
        open_ground(MOST_TASKS, quick=options.quick, tasks=options.tasks, pools=options.pool, say=say) as ground,
        Senders(ground) as senders,
    ):
        for name in chosen:
            run, seconds, quick_seconds = PARTS[name]
            parts.append(run(ground, senders, (quick_seconds or seconds) if options.quick else seconds))
    print("\n" + "\n\n".join(map(table, parts)))
    print(f"\n{READ_RATIOS}")
    if options.json:
        write_json(options.json, parts, machine())
    if options.markdown:
        write_markdown(options.markdown, parts, machine())
    if options.svg:
        write_picture(options.svg, parts)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
