"""Write ``docs/reference/figures.md`` from what runs of ``make bench`` measured, and check that it is what they say.

Each file of ``benchmarks/`` is what ``make bench JSON=BROKER-NUMBER.json`` wrote in a rendered project.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "benchmarks"
PAGE = ROOT / "docs" / "reference" / "figures.md"
BROKERS = {"redis": "Redis", "rabbitmq": "RabbitMQ"}
NONE = "-"

HEAD = """\
# Figures

<!-- scripts/performance_figures.py writes this page: `make figures`. -->

What `make bench` measured in the default project, {runs} times with each broker, `settings` and `away` once. A ratio is
to the row that has none, round by round: the median of each run, and in brackets the smallest and largest round of all
runs. CPU time is in microseconds, for a task or for a call; the figures before the ratios are medians of all runs.
[Performance](../explanation/performance.md) says what they mean.
"""

Run = dict[str, Any]


def runs_of(broker: str) -> list[Run]:
    """Return what was measured with ``broker``, run by run."""
    return [json.loads(path.read_text()) for path in sorted(RUNS.glob(f"{broker}-*.json"))]


def whole_runs(broker: str) -> list[Run]:
    """Return the runs that measured everything, and not one part alone."""
    return [run for run in runs_of(broker) if len(run["parts"]) > 1]


def _ratio(runs: list[Run], part: str, variant: str, figure: str) -> str:
    found = [ratios[figure] for run in runs if figure in (ratios := run["parts"][part]["ratios"].get(variant, {}))]
    if not found or all(ratio["min"] == ratio["max"] == 1 for ratio in found):
        return NONE
    medians = ", ".join(f"{ratio['median']:.2f}" for ratio in found)
    return f"{medians} ({min(each['min'] for each in found):.2f}-{max(each['max'] for each in found):.2f})"


def _figure(runs: list[Run], part: str, variant: str, figure: str) -> str:
    values = [
        measured[figure]
        for run in runs
        for measured in run["parts"][part]["rounds"]
        if measured["variant"] == variant and figure in measured
    ]
    if not values:
        return NONE
    value = median(values)
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def table(runs: list[Run], part: str) -> Iterator[str]:
    """Yield the lines of the table of a part."""
    measured = runs[0]["parts"][part]
    variants = dict.fromkeys(row["variant"] for row in measured["rounds"])
    figures = dict.fromkeys(name for row in measured["rounds"] for name in row if name not in ("variant", "round"))
    compared = dict.fromkeys(name for ratios in measured["ratios"].values() for name in ratios)
    notes = measured.get("notes", {})
    titles = [part, *figures, *(f"{name}, ratios" for name in compared), *notes]
    yield f"{measured['title']}:"
    yield ""
    yield f"| {' | '.join(titles)} |"
    yield f"| --- {'| --: ' * (len(figures) + len(compared))}{'| --- ' * len(notes)}|"
    for variant in variants:
        cells = [_figure(runs, part, variant, figure) for figure in figures]
        cells += [_ratio(runs, part, variant, figure) for figure in compared]
        cells += [about.get(variant, NONE) for about in notes.values()]
        yield f"| {' | '.join([variant, *cells])} |"
    yield ""


def page() -> str:
    """Return the page."""
    by_broker = {broker: runs_of(broker) for broker in BROKERS}
    lines = [HEAD.format(runs=min(len(whole_runs(broker)) for broker in BROKERS))]
    for broker, runs in by_broker.items():
        about = ", ".join(f"{name} {value}" for name, value in runs[0]["about"].items())
        lines += [f"## {BROKERS[broker]}", "", f"Measured on: {about}.", ""]
        for part in dict.fromkeys(part for run in runs for part in run["parts"]):
            lines += table([run for run in runs if part in run["parts"]], part)
    return "\n".join(lines).rstrip() + "\n"


def main(given: list[str]) -> None:
    """Write the page; with ``--check``, only say whether it is up to date.

    Raises:
        SystemExit: it is not.
    """
    if given == ["--check"]:
        if PAGE.read_text() != page():
            raise SystemExit("error: docs/reference/figures.md is not what benchmarks/ says: run `make figures`")
    else:
        PAGE.write_text(page())


if __name__ == "__main__":
    main(sys.argv[1:])
