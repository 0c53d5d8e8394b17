"""The table."""

from collections.abc import Iterable

from tests.chaos.lab import Outcome

COLUMNS = ("fault", "broker", "sent", "effects", "lost", "doubled", "run again", "seconds")


def _cells(row: Outcome) -> tuple[str, ...]:
    seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
    numbers = (row.sent, row.effects, row.lost, row.doubled, row.again)
    return (row.fault, row.broker, *map(str, numbers), seconds)


def table(rows: Iterable[Outcome]) -> str:
    """Return the rows as text, with aligned columns, and below them what broke."""
    rows = list(rows)
    lines = [COLUMNS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    text = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    broken = [f"BROKEN  {row.fault} on {row.broker}: {sentence}" for row in rows for sentence in row.broken]
    return "\n".join([*text, *broken])
