"""A picture of exactly what the answers make run, and the same in words, for the guides of the rendered project.

Drawn here instead of by Mermaid, which mkdocs-material fetches from elsewhere when somebody reads the page:
https://squidfunk.github.io/mkdocs-material/reference/diagrams/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .answers import TITLES
from .processes import BOTH, Layout, Process, processes

# In pixels. A row holds a box and the space below it.
MARGIN, PADDING, TOP, ROW, BOX, ARROW = 20, 14, 66, 66, 52, 56
NAME_LETTER, SMALL_LETTER = 8.4, 6.8

SCHEDULES = {"redbeat": "redis", "database": "postgres", "file": "a file"}

STYLE = """\
  <style>
    text { font-family: system-ui, sans-serif; fill: #212121; text-anchor: middle }
    .name { font-size: 14px; font-weight: 600 }
    .small { font-size: 12px; fill: #455a64 }
    rect { fill: #ffffff; stroke: #37474f; stroke-width: 1.5 }
    rect.paper { fill: #fafafa; stroke: none }
    rect.frame { fill: #f5f5f5 }
    rect.web { fill: #e0f2f1 }
    rect.worker { fill: #e8f5e9 }
    rect.clock, rect.watch { fill: #fff8e1 }
    rect.queue { stroke: #00796b }
    path { fill: none; stroke: #37474f; stroke-width: 1.5; marker-end: url(#tip) }
    path.dashed { stroke-dasharray: 5 4 }
    marker path { fill: #37474f; marker-end: none }
  </style>
  <defs>
    <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
      <path d="M0 0 L10 5 L0 10 z"/>
    </marker>
  </defs>"""


@dataclass(frozen=True)
class Box:
    """Something that runs, or a queue: its name, a few words about it, and how it looks."""

    name: str
    about: str
    look: str

    @property
    def width(self) -> int:
        """As wide as its text, in pixels."""
        return round(max(NAME_LETTER * len(self.name), SMALL_LETTER * len(self.about))) + 2 * PADDING

    def drawn(self, x: int, y: int, width: int) -> Iterator[str]:
        """Yield the lines that draw it at a place."""
        yield _rectangle((x, y), width, BOX, self.look)
        yield _text(x + width // 2, y + (23 if self.about else 31), "name", self.name)
        if self.about:
            yield _text(x + width // 2, y + 41, "small", self.about)


@dataclass(frozen=True)
class Column:
    """Boxes below each other: where they are, and how wide."""

    boxes: list[Box]
    x: int
    width: int

    @property
    def end(self) -> int:
        """Its right edge."""
        return self.x + self.width

    def drawn(self) -> Iterator[str]:
        """Yield the lines that draw its boxes."""
        for row, box in enumerate(self.boxes):
            yield from box.drawn(self.x, TOP + row * ROW, self.width)


def listed(words: list[str]) -> str:
    """Return ``words`` as people list them: with commas, and `and` before the last."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _text(x: int, y: int, look: str, text: str) -> str:
    return f'  <text class="{look}" x="{x}" y="{y}">{text}</text>'


def _rectangle(corner: tuple[int, int], width: int, height: int, look: str) -> str:
    place, size = f'x="{corner[0]}" y="{corner[1]}"', f'width="{width}" height="{height}"'
    return f'  <rect class="{look}" {place} {size} rx="{BOX // 2 if look == "queue" else 6}"/>'


def _arrow(x: int, y: int, way: str, look: str = "line") -> str:
    return f'  <path class="{look}" d="M{x} {y} {way}"/>'


def _parts(layout: Layout) -> tuple[list[Process], list[Process], list[Process]]:
    """Return the web services, the workers, and the processes that are neither."""
    made = list(processes(layout))
    first, last = len(layout.services), len(layout.services) + len(layout.queues)
    return made[:first], made[first:last], made[last:]


def broker_server(layout: Layout) -> str:
    """Return which server of the Compose files is the broker."""
    return "rabbitmq" if layout.broker == "rabbitmq" else "redis"


def _other(process: Process, layout: Layout) -> Box:
    if process.name == "flower":
        return Box(process.name, "shows workers and tasks", "watch")
    return Box(process.name, f"its schedule is in {SCHEDULES[layout.beat_scheduler]}", "clock")


def _left(layout: Layout) -> list[Box]:
    """Return what talks to the broker and is no worker."""
    webs, _, others = _parts(layout)
    boxes = [Box(process.name, TITLES[name], "web") for process, name in zip(webs, layout.services, strict=True)]
    return boxes + [_other(process, layout) for process in others]


def _queues(layout: Layout) -> list[Box]:
    """Return the queues, each with the one for what is due, which the same worker consumes."""
    return [Box(name, f"{name}.beat" if layout.has_beat else "", "queue") for name, _ in layout.queues]


def _workers(layout: Layout) -> list[Box]:
    """Return the workers in the order of their queues."""
    _, workers, _ = _parts(layout)
    owners = ["both services" if owner == BOTH else TITLES[owner] for _, owner in layout.queues]
    return [Box(worker.name, f"tasks of {owner}", "worker") for worker, owner in zip(workers, owners, strict=True)]


def _servers(layout: Layout) -> list[Box]:
    """Return the servers that keep what tasks leave behind."""
    kept = {
        "redis": ["states", "results"],
        "postgres": [f"tables of {listed([TITLES[name] for name in layout.services])}"],
    }
    if (schedule := SCHEDULES.get(layout.beat_scheduler)) in kept:
        kept[schedule].insert(0, "schedule")
    return [Box(server, listed(what), "server") for server, what in kept.items()]


def _columns(layout: Layout) -> tuple[Column, Column, Column]:
    """Return what talks to the broker, the queues and the workers, side by side."""
    left, queues, workers = _left(layout), _queues(layout), _workers(layout)
    widths = [max(box.width for box in boxes) for boxes in (left, queues, workers)]
    first = Column(left, MARGIN, widths[0])
    second = Column(queues, first.end + ARROW + PADDING, widths[1])
    return first, second, Column(workers, second.end + PADDING + ARROW, widths[2])


def _arrows(left: Column, queues: Column, workers: Column) -> Iterator[str]:
    """Yield the arrows into the broker and out of it. Flower only listens."""
    for row, box in enumerate(left.boxes):
        y = TOP + row * ROW + BOX // 2
        if box.look == "watch":
            yield _arrow(queues.x - PADDING, y, f"H{left.end + 2}", "dashed")
        else:
            yield _arrow(left.end, y, f"H{queues.x - PADDING - 2}")
    for row in range(len(queues.boxes)):
        yield _arrow(queues.end, TOP + row * ROW + BOX // 2, f"H{workers.x - 2}")


def _broker(layout: Layout, queues: Column, bottom: int) -> Iterator[str]:
    """Yield the frame around the queues."""
    width = queues.width + 2 * PADDING
    yield _rectangle((queues.x - PADDING, MARGIN), width, bottom - MARGIN, "frame")
    yield _text(queues.x + queues.width // 2, MARGIN + 20, "name", broker_server(layout))
    yield _text(queues.x + queues.width // 2, MARGIN + 36, "small", "the broker")


def _kept(layout: Layout, workers: Column, y: int) -> Iterator[str]:
    """Yield the servers in a row with its frame at ``y``, and the arrow from the workers to it."""
    servers = _servers(layout)
    width = (workers.end - MARGIN - PADDING) // len(servers) - PADDING
    yield _rectangle((MARGIN, y), workers.end - MARGIN, BOX + 2 * PADDING, "frame")
    for number, server in enumerate(servers):
        yield from server.drawn(MARGIN + PADDING + number * (width + PADDING), y + PADDING, width)
    yield _arrow(workers.x + workers.width // 2, TOP + len(workers.boxes) * ROW - (ROW - BOX), f"V{y - 2}")


def picture(layout: Layout) -> str:
    """Return the picture as an SVG document: who sends, the broker with its queues, who runs, and where results go."""
    left, queues, workers = columns = _columns(layout)
    bottom = TOP + max(len(left.boxes), len(queues.boxes)) * ROW
    width, height = workers.end + MARGIN, bottom + ARROW + BOX + 2 * PADDING + MARGIN
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "  <title>What runs</title>",
        f"  <desc>{in_words(layout)}</desc>",
        STYLE,
        _rectangle((0, 0), width, height, "paper"),
        *_broker(layout, queues, bottom),
        *(line for column in columns for line in column.drawn()),
        *_arrows(left, queues, workers),
        *_kept(layout, workers, bottom + ARROW),
        "</svg>",
    ]
    return "\n".join(lines)


def in_words(layout: Layout) -> str:
    """Return what the picture shows, in a few sentences."""
    webs, workers, others = _parts(layout)
    senders, runners = [web.name for web in webs], [worker.name for worker in workers]
    about = {"clock": "sends what is due", "watch": "shows workers and tasks"}
    sentences = [
        f"{listed(senders)} {'send' if len(senders) > 1 else 'sends'} tasks to "
        f"{listed([name for name, _ in layout.queues])} in the broker, {broker_server(layout)}",
        f"{listed(runners)} {'run' if len(runners) > 1 else 'runs'} them",
        *(f"{process.name} {about[_other(process, layout).look]}" for process in others),
        *(f"{server.name} keeps {server.about}" for server in _servers(layout)),
    ]
    return ". ".join(sentences) + "."
