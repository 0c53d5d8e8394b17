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


def _cell(value: float | None, column: Column) -> str:
    return NONE if value is None else f"{value:.{column.digits}f}"


def _ratio(part: Part, variant: str, figure: str) -> str:
    # What is compared with itself says nothing.
    return NONE if part.baseline(variant) == variant else str(part.ratio(variant, figure) or NONE)


def _row(part: Part, variant: str) -> list[str]:
    cells = [_cell(part.middle(variant, column.name), column) for column in part.columns]
    return [variant, *cells, *(_ratio(part, variant, figure) for figure in part.ratios)]


def table(part: Part) -> str:
    """Return the medians of a part as text with aligned columns, and beside them the ratios and their spread."""
    rows = [
        [part.name, *(column.title for column in part.columns), *(f"{figure}, ratio" for figure in part.ratios)],
        *(_row(part, variant) for variant in part.variants()),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]).rstrip()  # type: ignore[arg-type]
        for row in rows
    ]
    return "\n".join([part.title, *lines])


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
