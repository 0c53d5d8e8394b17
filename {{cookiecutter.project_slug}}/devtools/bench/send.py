"""Part 2: what it costs to send a task."""

import time
from statistics import median, quantiles

from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.sender import TOGETHER
from devtools.bench.sending_processes import Senders, Sent

NAME = "send"
CALLS, QUICK_CALLS = 400, 200  # in each round
BULK = 1000

# Each row of the table with its way of `devtools.bench.sender`.
WAYS = {
    "stock .delay()": "stock",
    "stock .delay(), result ignored": "stock-without-result",
    "popular template .delay()": "popular",
    "this project: Contract.send": "contract",
    "this project: Contract.send, result kept": "contract-with-result",
    "this project: Contract.send_async": "contract-async",
    f"this project: Contract.send_async, {TOGETHER} at once": "contract-async-together",
    "this project: Contract.send_async, result kept": "contract-async-with-result",
    "this project: task.delay()": "task",
    "raw LPUSH (floor)": "raw",
}
BULK_WAYS = {f"this project: Contract.send_many, {BULK} tasks": "contract-many"}


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        "Sending a task: CPU time of the sender in microseconds a call, and how long a call takes",
        (Column("CPU"), Column("p50", "us"), Column("p99", "us"), Column("calls/s")),
        ("CPU", "calls/s"),
    )


def figures_of(sent: Sent, count: int) -> dict[str, float]:
    """Return the figures; without percentiles if all tasks went in one call."""
    found = {"CPU": sent.cpu / count * 1e6, "calls/s": count / sent.seconds}
    if sent.taken:
        found |= {"p50": median(sent.taken) * 1e6, "p99": quantiles(sent.taken, n=100)[98] * 1e6}
    return found


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Send in every way in turn, round by round."""
    part = new_part()
    ways = WAYS | BULK_WAYS
    began = time.monotonic()
    senders.prepare(ways.values())
    for way in ways.values():
        senders.send(way, 20)
    for number in rounds(seconds, 2, 20, began):
        for name, way in ways.items():
            count = BULK if name in BULK_WAYS else (QUICK_CALLS if ground.quick else CALLS)
            figures = figures_of(senders.send(way, count), count)
            part.add(name, number, **figures)
            ground.say(f"{NAME}, round {number}: {name:<48}{figures['CPU']:6.0f} us of CPU time a call")
        for way in ways.values():
            senders.purge(way)
    return part
