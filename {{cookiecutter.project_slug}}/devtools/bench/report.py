"""The table and the file of all figures."""

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from devtools.bench.figures import Column, Part

NONE = "-"
READ_RATIOS = "A ratio is to the last row above it that has none, round by round: median (smallest-largest)."


def _cell(value: float | None, column: Column) -> str:
    return NONE if value is None else f"{value:.{column.digits}f}"


def _ratio(part: Part, variant: str, figure: str) -> str:
    # What is compared with itself says nothing.
    return NONE if part.baseline(variant) == variant else str(part.ratio(variant, figure) or NONE)


def _rows(part: Part) -> list[list[str]]:
    """Return the medians of a part, and beside them the ratios and their spread; the first row has the titles."""
    titles = [part.name, *(column.title for column in part.columns), *(f"{figure}, ratio" for figure in part.ratios)]
    rows = [titles]
    for variant in part.variants():
        cells = [_cell(part.middle(variant, column.name), column) for column in part.columns]
        rows.append([variant, *cells, *(_ratio(part, variant, figure) for figure in part.ratios)])
    return rows


def _notes(part: Part) -> list[list[str]]:
    """Return what stands at the end of each row."""
    return [[note] for note in (part.notes_title, *(part.notes.get(name, NONE) for name in part.variants()))]


def table(part: Part) -> str:
    """Return a part as text with aligned columns."""
    rows = _rows(part)
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])  # type: ignore[arg-type]
        for row in rows
    ]
    if part.notes_title:
        lines = [f"{line}  {note}" for line, [note] in zip(lines, _notes(part), strict=True)]
    return "\n".join([part.title, *map(str.rstrip, lines)])


def markdown(part: Part) -> str:
    """Return a part as a table of a Markdown page."""
    rows = _rows(part)
    rules = ["---", *["--:"] * (len(rows[0]) - 1)]
    if part.notes_title:
        rows = [[*row, *note] for row, note in zip(rows, _notes(part), strict=True)]
        rules.append("---")
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:])]
    return "\n".join([f"{part.title}:", "", *lines, ""])


def write_markdown(file: Path, parts: Iterable[Part], about: dict[str, Any]) -> None:
    """Write a page with the tables into ``file``."""
    on = ", ".join(f"{name} {value}" for name, value in about.items())
    file.write_text(
        "\n".join(["# Figures of `make bench`", "", f"Measured on: {on}. {READ_RATIOS}", "", *map(markdown, parts)])
    )


def machine() -> dict[str, Any]:
    """Return what somebody has to know who compares these figures with others."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        **{name: version(name) for name in ("celery", "kombu", "redis", "hiredis")},
    }


def as_data(parts: Iterable[Part], about: dict[str, Any]) -> dict[str, Any]:
    """Return everything that was measured as data that JSON can hold."""
    return {
        "about": about,
        "parts": {
            part.name: {
                "title": part.title,
                "notes": {part.notes_title: part.notes} if part.notes else {},
                "rounds": [
                    {"variant": sample.variant, "round": sample.round, **sample.figures} for sample in part.samples
                ],
                "ratios": {
                    variant: {
                        figure: {"median": ratio.median, "min": ratio.least, "max": ratio.most}
                        for figure in part.ratios
                        if (ratio := part.ratio(variant, figure))
                    }
                    for variant in part.variants()
                },
            }
            for part in parts
        },
    }


def write_json(file: Path, parts: Iterable[Part], about: dict[str, Any]) -> None:
    """Write every round of every part into ``file``."""
    file.write_text(json.dumps(as_data(parts, about), indent=2) + "\n")
