"""Part 5: whether a task costs more when many wait, or when a worker has many queues."""

import time
from dataclasses import replace

from devtools.bench import many_queues, workers
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground, Process
from devtools.bench.sending_processes import Senders
from devtools.bench.workers import Worker

NAME = "growth"
TASKS = 400  # that are measured
WAITING = (10, 1_000, 100_000)


def _waiting(count: int) -> str:
    return f"{count:,} tasks wait"


def _queues(count: int) -> str:
    return f"1 worker, {count} queue{'s'[: count - 1]}"


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    first = _queues(many_queues.COUNTS[0])
    return Part(
        NAME,
        "This project's cost of a task, CPU time in microseconds, as things grow",
        (Column("CPU"), Column("main process"), Column("children"), Column("broker")),
        ("CPU",),
        baselines={_queues(count): first for count in many_queues.COUNTS},
    )


def measure(ground: Ground, senders: Senders, worker: Worker, process: Process, waiting: int) -> dict[str, float]:
    """Let a worker run about ``TASKS`` tasks while ``waiting`` of them wait, and return what that has cost."""
    return (_of_few if waiting < TASKS else _of_many)(ground, senders, worker, process, waiting)


def _of_few(ground: Ground, senders: Senders, worker: Worker, process: Process, waiting: int) -> dict[str, float]:
    before, parts = ground.cpu(process.pid), TASKS // waiting
    for _ in range(parts):
        ground.marks.clear()
        with workers.held(process):
            senders.send(worker.sender, waiting)
        workers.wait_for_tasks(ground, worker, waiting)
    return (ground.cpu(process.pid) - before).for_each(parts * waiting)


def _of_many(ground: Ground, senders: Senders, worker: Worker, process: Process, waiting: int) -> dict[str, float]:
    ground.marks.clear()
    with workers.held(process):
        senders.send(worker.sender, waiting)
        before = ground.cpu(process.pid)
    workers.wait_for_tasks(ground, worker, TASKS)
    used, done = ground.cpu(process.pid) - before, ground.marks.count()
    with workers.held(process):
        senders.purge(worker.sender)
    time.sleep(0.3)  # for what the worker holds already
    return used.for_each(done)


def _with_queues(count: int) -> Worker:
    """Return a worker of so many queues."""
    options = f"--queues {','.join(many_queues.names(count))} --hostname queues-{count}@%h"
    return replace(
        workers.PROJECT,
        name=_queues(count),
        command=f"python -m celery -A devtools.bench.many_queues_app worker {workers.OPTIONS} {options}",
        sender=f"over-{count}-queues",
        environment=((many_queues.VARIABLE, str(count)),),
    )


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Measure every size in turn, round by round."""
    part = new_part()

    def note(name: str, number: int, figures: dict[str, float]) -> None:
        part.add(name, number, **figures)
        ground.say(f"{NAME}, round {number}: {name:<22}{figures['CPU']:6.0f} us of CPU time a task")

    began = time.monotonic()
    one = replace(workers.PROJECT, sender="contract-many")
    with workers.running(ground, senders, (one,)) as processes:
        for number in rounds(seconds / 2, 1, 9, began):
            for count in WAITING:
                note(_waiting(count), number, measure(ground, senders, one, processes[one], count))
    began = time.monotonic()
    group = tuple(map(_with_queues, many_queues.COUNTS))
    with workers.running(ground, senders, group) as processes:
        for number in rounds(seconds / 2, 1, 9, began):
            for count, worker in zip(many_queues.COUNTS, group, strict=True):
                note(_queues(count), number, measure(ground, senders, worker, processes[worker], TASKS))
    return part
