"""The ratios as a bar chart."""

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

from devtools.bench.figures import Part, Ratio

WIDTH = 790
LABELS = 320  # the width of the names
SCALE = 230  # the length of a bar of 1.0
LONGEST = 1.6  # a longer bar is cut off; its number tells
LINE = 22

# `prefers-color-scheme` holds inside a picture as well.
STYLE = """
    text { font: 13px sans-serif; fill: #1f2933 }
    .title { font-weight: bold }
    .bar { fill: #9aa5b1 }
    .own { fill: #009485 }
    .spread { stroke: #1f2933; stroke-width: 1.5 }
    .one { stroke: #9aa5b1; stroke-dasharray: 3 3 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4e7eb }
      .spread { stroke: #e4e7eb }
      .bar { fill: #616e7c }
      .own { fill: #2bb5a5 }
    }
"""


def _bar(name: str, ratio: Ratio, top: int) -> list[str]:
    length, least, most = (min(value, LONGEST) * SCALE for value in (ratio.median, ratio.least, ratio.most))
    middle = top + LINE / 2
    kind = "own" if "this project" in name else "bar"
    return [
        f'<text x="{LABELS - 8}" y="{middle + 4.5}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="{kind}" x="{LABELS}" y="{top + 3}" width="{length:.1f}" height="{LINE - 6}"/>',
        f'<path class="spread" d="M{LABELS + least:.1f} {middle}H{LABELS + most:.1f}"/>',
        f'<text x="{LABELS + max(length, most) + 8:.1f}" y="{middle + 4.5}">{ratio.median:.2f}</text>',
    ]


def _group(part: Part, figure: str, top: int) -> tuple[list[str], int]:
    """Return the bars for one figure of a part, and where the next ones begin."""
    lines = [f'<text class="title" x="8" y="{top + 15}">{escape(part.title)}: {escape(figure)}</text>']
    top = start = top + LINE
    for variant in part.variants():
        if ratio := part.ratio(variant, figure):
            lines += _bar(variant, ratio, top)
            top += LINE
    lines.append(f'<path class="one" d="M{LABELS + SCALE} {start}V{top}"/>')
    return lines, top + LINE // 2


def picture(parts: Iterable[Part]) -> str:
    """Return the chart as SVG: a bar for each ratio, a line for its spread, and 1.0 is the baseline."""
    shapes: list[str] = []
    top = 8
    for part in parts:
        for figure in part.ratios:
            lines, top = _group(part, figure, top)
            shapes += lines
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img">'
    return "\n".join([head, "<title>Ratios to the baseline</title>", f"<style>{STYLE}</style>", *shapes, "</svg>\n"])


def write_picture(file: Path, parts: Iterable[Part]) -> None:
    """Draw the chart into ``file``."""
    file.write_text(picture(parts))
