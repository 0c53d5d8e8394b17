"""What was measured, and the ratios between it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from time import monotonic


@dataclass(frozen=True)
class Sample:
    """The figures of one variant in one round."""

    variant: str
    round: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of all rounds, and their smallest and largest."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        """Return it as it stands in the table."""
        return f"{self.median:.2f} ({self.least:.2f}-{self.most:.2f})"


@dataclass(frozen=True)
class Column:
    """A figure as the table shows it: its name, unit, and how many digits after the point."""

    name: str
    unit: str = ""
    digits: int = 0

    @property
    def title(self) -> str:
        """The head of the column."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass
class Part:
    """A part of the benchmark and what came out of it.

    Attributes:
        name: as on the command line.
        title: what is measured.
        columns: the figures.
        ratios: those of them that are compared.
        baselines: with what a variant is compared: by default with the first one.
        notes: a remark on a variant, under ``notes_title``.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    ratios: tuple[str, ...]
    baselines: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    notes_title: str = ""
    samples: list[Sample] = field(default_factory=list)

    def add(self, variant: str, number: int, **figures: float) -> None:
        """Note what was measured."""
        self.samples.append(Sample(variant, number, figures))

    def variants(self) -> list[str]:
        """Return the variants in the order in which they were first measured."""
        return list(dict.fromkeys(sample.variant for sample in self.samples))

    def middle(self, variant: str, figure: str) -> float | None:
        """Return the median of a figure; ``None`` if this variant has none of that name."""
        values = [
            sample.figures[figure] for sample in self.samples if sample.variant == variant and figure in sample.figures
        ]
        return median(values) if values else None

    def baseline(self, variant: str) -> str:
        """Return with what a variant is compared."""
        return self.baselines.get(variant, self.variants()[0])

    def ratio(self, variant: str, figure: str) -> Ratio | None:
        """Return how a variant compares with its baseline, round by round; ``None`` if no round holds both."""
        baseline = self.baseline(variant)
        values = {(sample.variant, sample.round): sample.figures.get(figure) for sample in self.samples}
        found = [
            value / base
            for (name, number), value in values.items()
            if name == variant and value is not None and (base := values.get((baseline, number)))
        ]
        return Ratio(median(found), min(found), max(found)) if found else None


def rounds(seconds: float, least: int, most: int, started: float | None = None) -> Iterator[int]:
    """Yield the numbers of rounds, at least ``least`` of them, as long as one more is likely to end in time.

    Args:
        seconds: how long all of them together may take.
        least: so many there are in any case.
        most: there are no more.
        started: since when the seconds count (``time.monotonic()``); by default from now on.
    """
    began = monotonic()
    started = began if started is None else started
    longest = 0.0
    for number in range(1, most + 1):
        if number > least and monotonic() - started + longest > seconds:
            return
        yield number
        longest = max(longest, monotonic() - began)
        began = monotonic()
