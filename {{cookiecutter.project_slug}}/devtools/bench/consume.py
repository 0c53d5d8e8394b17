"""Part 1: what it costs to run a task that does nothing.

Several workers run, and one at a time works: its queue is filled while it is held, and then it is let go.
"""

import time

from devtools.bench import workers
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground, Process
from devtools.bench.sending_processes import Senders
from devtools.bench.workers import Worker

NAME = "consume"
TASKS, QUICK_TASKS = 800, 400  # in each round

PLAIN = (workers.STOCK, workers.PROJECT, workers.POPULAR, workers.RAW)
# Not at the same time as the others: a queue of the project has one worker.
WITH_EVENTS = (workers.STOCK, workers.STOCK_EVENTS, workers.PROJECT_EVENTS)


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        "Running a task that does nothing: CPU time in microseconds a task",
        (Column("CPU"), Column("main process"), Column("children"), Column("broker"), Column("tasks/s")),
        ("CPU",),
    )


def measure(ground: Ground, senders: Senders, worker: Worker, process: Process, count: int) -> dict[str, float]:
    """Let a worker, which is warm, run ``count`` tasks, and return the figures."""
    ground.marks.clear()
    with workers.held(process):
        senders.send(worker.sender, count)
        before, began = ground.cpu(process.pid), time.monotonic()
    workers.wait_for_tasks(ground, worker, count)
    used, took = ground.cpu(process.pid) - before, time.monotonic() - began
    return {**used.for_each(count), "tasks/s": count / took}


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Measure every worker in turn, round by round."""
    part = new_part()
    count = ground.tasks or (QUICK_TASKS if ground.quick else TASKS)
    series = (PLAIN,) if ground.quick else (PLAIN, WITH_EVENTS)
    number = 0
    for group in series:
        began = time.monotonic()
        with workers.running(ground, senders, group) as processes:
            for _ in rounds(seconds / len(series), 2, 20, began):
                number += 1
                for worker in group:
                    figures = measure(ground, senders, worker, processes[worker], count)
                    part.add(worker.name, number, **figures)
                    ground.say(f"{NAME}, round {number}: {worker.name:<22}{figures['CPU']:6.0f} us of CPU time a task")
    return part
