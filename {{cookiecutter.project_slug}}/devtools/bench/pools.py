"""Part 6: how long the same tasks take in each pool, here and in stock Celery.

For each pool both workers run, and one at a time works, as in ``devtools.bench.consume``; who begins alternates.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

from devtools.bench import workers
from devtools.bench.consume import measure
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.sending_processes import Senders
from devtools.bench.workers import Worker

NAME = "pools"
CONCURRENCY = {"prefork": 2, "threads": 10, "gevent": 50, "solo": 1}
TASKS, QUICK_TASKS = 500, 200  # that do nothing; a quarter as many compute
WAITING_TASKS = 10  # for each that runs at the same time: a second, if nothing else took any time


@dataclass(frozen=True)
class Kind:
    """A kind of task: its name in the table, and what the ways that send it are called (``devtools.bench.sender``)."""

    name: str
    stock: str
    project: str

    def count(self, ground: Ground, pool: str) -> int:
        """Return how many there are in each round."""
        if self is WAITING:
            return WAITING_TASKS * CONCURRENCY[pool]
        count = ground.tasks or (QUICK_TASKS if ground.quick else TASKS)
        return count // 4 if self is COMPUTING else count


NO_OP = Kind("no-op", "stock-without-result", "contract")
COMPUTING = Kind("computes 5 ms", "stock-compute", "contract-compute")
WAITING = Kind("waits 0.1 s", "stock-wait", "contract-wait")
KINDS = (NO_OP, COMPUTING, WAITING)


def in_pool(worker: Worker, pool: str) -> Worker:
    """Return a worker that runs its tasks in ``pool``; of an option that is given twice the last one counts."""
    return replace(worker, command=f"{worker.command} --pool {pool} --concurrency {CONCURRENCY[pool]}")


def pools(ground: Ground) -> Iterator[str]:
    """Yield the pools to measure, and say which cannot be."""
    for pool in ground.pools or CONCURRENCY:
        if pool == "gevent" and find_spec("gevent") is None:
            ground.say(f"{NAME}: gevent is left out, as it is not installed: run `uv add gevent`")
        else:
            yield pool


def row(pool: str, kind: Kind, worker: Worker) -> str:
    """Return what a row is called."""
    return f"{pool}, {kind.name}: {worker.name}"


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        f"The same tasks in each pool; at the same time run {', '.join(f'{n} ({p})' for p, n in CONCURRENCY.items())}",
        (Column("ms", "a task", digits=1), Column("CPU", "us a task")),
        ("ms", "CPU"),
        baselines={
            row(pool, kind, worker): row(pool, kind, workers.STOCK)
            for pool in CONCURRENCY
            for kind in KINDS
            for worker in (workers.STOCK, workers.PROJECT)
        },
    )


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Measure pool by pool, round by round."""
    part = new_part()
    chosen = list(pools(ground))
    for pool in chosen:
        began = time.monotonic()
        pair = in_pool(workers.STOCK, pool), in_pool(workers.PROJECT, pool)
        with workers.running(ground, senders, pair) as processes:
            for number in rounds(seconds / len(chosen), 1, 1 if ground.quick else 10, began):
                for kind in KINDS:
                    for worker in pair if number % 2 else pair[::-1]:
                        sent = replace(worker, sender=kind.project if worker.project else kind.stock)
                        figures = measure(ground, senders, sent, processes[worker], kind.count(ground, pool))
                        name = row(pool, kind, worker)
                        part.add(name, number, ms=1e3 / figures["tasks/s"], CPU=figures["CPU"])
                        ground.say(f"{NAME}, round {number}: {name:<40}{1e3 / figures['tasks/s']:7.2f} ms a task")
    return part
