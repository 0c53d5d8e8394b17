"""Part 7: what each setting costs or saves: this project's worker with one thing changed, beside it as it is."""

from dataclasses import replace
from json import dumps
from typing import Any

from devtools.bench import workers
from devtools.bench.consume import QUICK_TASKS, TASKS, measure
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.sending_processes import Senders
from devtools.bench.tasks import CHANGES as CHANGES_VARIABLE
from devtools.bench.workers import Worker

NAME = "settings"
AS_IT_IS = replace(workers.PROJECT, name="as it is")


def _change(name: str, options: str = "", conf: dict[str, Any] | None = None, **variables: str) -> Worker:
    """Return the worker with other options of its command line, settings of Celery, or variables."""
    environment = {**variables, **({CHANGES_VARIABLE: dumps(conf)} if conf else {})}
    command = f"{AS_IT_IS.command} {options}".rstrip()
    return replace(AS_IT_IS, name=name, command=command, environment=tuple(environment.items()))


# Each with what it would give up.
CHANGES = {
    replace(_change("every task keeps its result"), sender="contract-with-result"): "sending needs the result backend",
    _change("events", "--task-events"): "-",
    _change("log level warning", "--loglevel warning"): "a line for each task",
    _change("a child lives for 100 tasks", "--max-tasks-per-child 100"): "-",
    _change("threads", "--pool threads"): "hard time limits, a limit of memory",
    _change("prefetch multiplier 4", "--prefetch-multiplier 4"): "tasks wait behind long ones while others are free",
    _change("no gossip, no mingle", "--without-gossip --without-mingle"): "a new worker knows what was revoked",
    replace(
        AS_IT_IS,
        name="without hiredis",
        command=AS_IT_IS.command.replace("-m ", "-m devtools.bench.baselines.plain_redis ", 1),
    ): "-",
    _change("acknowledged when it begins", conf={"task_acks_late": False}): "tasks of a killed worker",
    _change("a killed child counts as done", conf={"task_reject_on_worker_lost": False}): "the task of a killed child",
}
ON_REDIS = {
    _change("no leases", CELERY_BROKER_LEASE="0"): "tasks of a killed worker: some are lost, others come after an hour",
}


def new_part(changes: dict[Worker, str]) -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        "This project's worker with one thing changed: CPU time in microseconds a task",
        (Column("CPU"), Column("main process"), Column("children"), Column("broker")),
        ("CPU",),
        notes={worker.name: costs for worker, costs in changes.items()},
        notes_title="gives up",
    )


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Measure every change in turn, round by round. One worker runs at a time, as a queue has one."""
    changes = CHANGES | (ON_REDIS if ground.broker_is_redis else {})
    part = new_part(changes)
    count = ground.tasks or (QUICK_TASKS if ground.quick else TASKS)
    for number in rounds(seconds, 1 if ground.quick else 3, 9):
        for worker in (AS_IT_IS, *changes):
            with workers.running(ground, senders, (worker,)) as processes:
                figures = measure(ground, senders, worker, processes[worker], count)
            part.add(worker.name, number, **figures)
            ground.say(f"{NAME}, round {number}: {worker.name:<30}{figures['CPU']:6.0f} us of CPU time a task")
    return part
