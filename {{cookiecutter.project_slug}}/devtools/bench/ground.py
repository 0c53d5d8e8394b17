"""Where it is measured: a private broker, an environment without anything that somebody has exported, processes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
from honcho.environ import parse
from trinity_celery.config.runtime import known_variables
from trinity_celery.testing.servers import end_on_sigterm

from devtools.bench.marks import VARIABLE, Marks
from devtools.stack import ROOT, Stack, running_stack
from shared.queues import PROJECT

PATIENCE = 60.0  # seconds in which something has to happen

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU time that were used up to some moment."""

    main: float
    children: float
    broker: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        """Return what was used between two moments."""
        return Cpu(self.main - earlier.main, self.children - earlier.children, self.broker - earlier.broker)

    def for_each(self, tasks: int) -> dict[str, float]:
        """Return the microseconds for each of so many tasks, as the tables show them."""
        micro = 1e6 / tasks
        return {
            "CPU": (self.main + self.children) * micro,
            "main process": self.main * micro,
            "children": self.children * micro,
            "broker": self.broker * micro,
        }


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@dataclass
class Ground:
    """The running servers, and what starts, measures and stops everything else."""

    stack: Stack
    servers: list[psutil.Process]
    marks: Marks
    say: Callable[[str], None]
    quick: bool
    tasks: int | None  # that each worker runs in a round
    pools: list[str] | None  # that are compared; all by default
    _started: int = 0
    _names: dict[int, str] = field(default_factory=dict)

    @property
    def broker_is_redis(self) -> bool:
        """Whether this project's broker is Redis or Valkey."""
        return (self.stack.environment.get("CELERY_BROKER_URL") or self.stack.environment["REDIS_URL"]).startswith(
            "redis"
        )

    def environment(self, *, project: bool) -> dict[str, str]:
        """Return what a process gets in addition; a baseline must not see what the project's variables say."""
        # Celery itself reads variables of these names.
        return {} if project else {name: "" for name in self.stack.environment if name.startswith("CELERY_")}

    def start(self, command: str, *, project: bool = True, environment: dict[str, str] | None = None) -> Process:
        """Start a process; ``environment`` holds variables of its own."""
        self._started += 1
        name = f"bench-{self._started}"
        heartbeat = {"HEARTBEAT_FILE": str(self.stack.directory / f"{name}.heartbeat")}
        process = self.stack.start(
            name, command, {**self.environment(project=project), **heartbeat, **(environment or {})}
        )
        self._names[process.pid] = name
        return process

    def log(self, process: Process) -> Path:
        """Return the file that holds what a process has written."""
        return self.stack.log(self._names[process.pid])

    def stop(self, *processes: Process) -> None:
        """Stop processes, and whatever they have started."""
        self.stack.stop(*(self._names.pop(process.pid) for process in processes), patience=5)

    def stop_all(self) -> None:
        """Stop every process but the servers."""
        self.stack.stop(*self._names.values(), patience=5)
        self._names.clear()

    def cpu(self, pid: int) -> Cpu:
        """Return the CPU time of a process, of its children up to now, and of the servers."""
        process = psutil.Process(pid)
        # Those that have ended count as well, where the system tells (not on macOS).
        times = process.cpu_times()
        children = float(times.children_user + times.children_system)
        for child in process.children(recursive=True):
            try:
                children += _seconds(child)
            except psutil.NoSuchProcess:
                continue
        return Cpu(_seconds(process), children, sum(map(_seconds, self.servers)))

    def wait(self, what: str, holds: Callable[[], bool], pause: float = 0.005) -> None:
        """Wait until something is true.

        Raises:
            SystemExit: a process has ended, or it took longer than ``PATIENCE``.
        """
        deadline = time.monotonic() + PATIENCE
        while not holds():
            self.stack.check()
            if time.monotonic() > deadline:
                raise SystemExit(f"error: gave up waiting until {what}")
            time.sleep(pause)


def forget_exported() -> None:
    """Take out of this process's environment whatever would change what is measured, such as somebody's broker."""
    defaults = parse((ROOT / "envs/dev.env").read_text())
    for name in list(os.environ):
        if name in defaults or name in known_variables(PROJECT) or name.startswith(("CELERY_", "BENCH_")):
            del os.environ[name]


def baseline_addresses(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that tell the baselines where the servers are."""
    redis = environment["REDIS_URL"]
    return {
        "BENCH_REDIS": redis,
        "BENCH_BROKER": environment.get("CELERY_BROKER_URL") or redis,
        "BENCH_RESULTS": urlunsplit(urlsplit(redis)._replace(path="/1")),
    }


@contextmanager
def open_ground(
    size: int, *, quick: bool, tasks: int | None, pools: list[str] | None, say: Callable[[str], None]
) -> Iterator[Ground]:
    """Have the servers running while the context is open; then everything that was started is stopped.

    Args:
        size: how many tasks there may be at once.
        quick: whether to measure less.
        tasks: how many each worker runs in a round, if that was chosen.
        pools: which pools are compared, if that was chosen.
        say: what to do with a line of progress.
    """
    before = end_on_sigterm()
    forget_exported()
    try:
        with running_stack(only=set()) as stack:
            marks = stack.directory / "marks"
            stack.environment |= {**baseline_addresses(stack.environment), VARIABLE: str(marks)}
            servers = psutil.Process().children(recursive=True)
            yield Ground(stack, servers, Marks(marks, size), say, quick, tasks, pools)
    finally:
        signal.signal(signal.SIGTERM, before)
