"""The workers that are compared, with what fills their queues."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from devtools.bench.ground import Ground, Process
from devtools.bench.sending_processes import QUEUES, Senders
from devtools.bench.tasks import QUEUE

CONCURRENCY = 2
FIRST_TASKS = 20  # after these a worker counts as started, and warm


@dataclass(frozen=True)
class Worker:
    """How a worker is started, and how it gets its tasks.

    Attributes:
        name: as in the table.
        command: what starts it.
        sender: the way of ``devtools.bench.sender`` that sends what it takes.
        project: whether it is this project's.
        app: what listens to its events; none by default.
        environment: variables of its own.
    """

    name: str
    command: str
    sender: str
    project: bool = False
    app: str = ""
    environment: tuple[tuple[str, str], ...] = ()


OPTIONS = f"--concurrency {CONCURRENCY} --loglevel info"
_PLAIN = "python -m devtools.bench.baselines.plain_redis celery -A devtools.bench.baselines"
_STOCK = f"{_PLAIN}.stock worker {OPTIONS}"
_POPULAR = f"python -m celery -A devtools.bench.baselines.popular worker {OPTIONS} --hostname popular@%h"
_PROJECT = f"trinity worker {QUEUE} {OPTIONS} --include devtools.bench.tasks"

STOCK = Worker("stock", _STOCK, "stock")
# Its app imports the project's web services, and so needs the project's variables.
LAYOUT = Worker("plain layout", f"{_PLAIN}.layout worker {OPTIONS}", "stock", project=True)
STOCK_EVENTS = Worker(
    "stock, events", f"{_STOCK} --task-events --hostname events@%h", sender="stock-events", app="stock"
)
PROJECT = Worker("this project", _PROJECT, "contract", project=True)
PROJECT_EVENTS = Worker("this project, events", f"{_PROJECT} --task-events", "contract", project=True, app="project")
POPULAR = Worker("popular template", _POPULAR, "popular", app="popular")
RAW = Worker("raw Redis (floor)", "python -m devtools.bench.baselines.raw", "raw")


def start(ground: Ground, worker: Worker) -> Process:
    """Start a worker, after whoever listens to its events."""
    environment = {**QUEUES.get(worker.sender, {}), **dict(worker.environment)}
    if worker.app:
        command = f"python -m devtools.bench.listener {worker.app}"
        listener = ground.start(command, project=worker.project, environment=environment)
        ground.wait("events are listened to", lambda: ground.log(listener).stat().st_size > 0)
    return ground.start(worker.command, project=worker.project, environment=environment)


def wait_for_tasks(ground: Ground, worker: Worker, count: int) -> None:
    """Wait until a worker has run so many tasks."""
    ground.wait(f"{worker.name} has run {count} tasks", lambda: ground.marks.count() >= count)


@contextmanager
def running(ground: Ground, senders: Senders, workers: tuple[Worker, ...]) -> Iterator[dict[Worker, Process]]:
    """Have workers running, started and warm, while the context is open."""
    senders.prepare(worker.sender for worker in workers)
    try:
        started = {worker: start(ground, worker) for worker in workers}
        for worker in workers:
            ground.say(f"waiting until {worker.name} has started")
            ground.marks.clear()
            senders.send(worker.sender, FIRST_TASKS)
            wait_for_tasks(ground, worker, FIRST_TASKS)
        yield started
    finally:
        ground.stop_all()


@contextmanager
def held(*processes: Process | psutil.Process) -> Iterator[None]:
    """Halt processes without ending them while the context is open: workers take nothing, servers answer nobody."""
    try:
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
