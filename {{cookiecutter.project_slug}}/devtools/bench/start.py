"""Part 4: how long a worker takes to its first task, and how much memory it has when it has run some."""

import sys
import time

import psutil

from devtools.bench import workers
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.sending_processes import Senders
from devtools.bench.workers import Worker

NAME = "start"
TASKS, QUICK_TASKS = 500, 100  # after these the memory is measured
WORKERS = (workers.LAYOUT, workers.STOCK, workers.PROJECT)

# A process's own memory, and its share of what it has in common with others. Not every system tells.
MEMORY = "PSS" if sys.platform == "linux" else "RSS"


def memory(process: psutil.Process) -> float:
    """Return how many MiB a process takes up."""
    used = process.memory_full_info().pss if MEMORY == "PSS" else process.memory_info().rss
    return float(used) / 2**20


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        f"From a worker's start to its first task; then its memory ({MEMORY}) in MiB",
        (
            Column("seconds", digits=2),
            Column("CPU", "s", digits=2),
            Column("main process", "MiB"),
            Column("each child", "MiB"),
        ),
        ("seconds", "CPU", "each child"),
    )


def measure(ground: Ground, senders: Senders, worker: Worker, count: int) -> dict[str, float]:
    """Start a worker for which a task waits already."""
    ground.marks.clear()
    senders.send(worker.sender, 1)
    began = time.monotonic()
    process = workers.start(ground, worker)
    workers.wait_for_tasks(ground, worker, 1)
    took, used = time.monotonic() - began, ground.cpu(process.pid)
    ground.marks.clear()
    senders.send(worker.sender, count)
    workers.wait_for_tasks(ground, worker, count)
    main = psutil.Process(process.pid)
    children = [memory(child) for child in main.children()]
    figures = {
        "seconds": took,
        "CPU": used.main + used.children,
        "main process": memory(main),
        "each child": sum(children) / len(children),
    }
    ground.stop_all()
    return figures


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Start every worker in turn, round by round."""
    part = new_part()
    for number in rounds(seconds, 1, 5):
        for worker in WORKERS:
            figures = measure(ground, senders, worker, QUICK_TASKS if ground.quick else TASKS)
            part.add(worker.name, number, **figures)
            ground.say(f"{NAME}, round {number}: {worker.name:<14}{figures['seconds']:6.2f} s to the first task")
    return part
