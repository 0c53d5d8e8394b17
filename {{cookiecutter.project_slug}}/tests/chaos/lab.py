"""Where the faults happen: private servers, workers, a sender, and the count of what became of the tasks."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from honcho.environ import parse
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.config.runtime import attach, known_variables
from trinity_celery.connections.timeouts import DEADLINE
from trinity_celery.contracts import Contract
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.testing.outages import RedisServer
from trinity_celery.testing.processes import with_own_python
from trinity_celery.testing.scratch import scratch_parent
from trinity_celery.testing.servers import stop_group, tail
from trinity_celery.worker import celery_configuration

from devtools.stack import ROOT, Stack, procfile, run_release
from shared.queues import PROJECT
from tests.chaos.breakages import Breakage
from tests.chaos.brokers import BROKERS
from tests.chaos.ledger import VARIABLE, Counts, Ledger
from tests.chaos.tasks import BREAK, QUEUE, WORK, Work, break_settings

PATIENCE = 60.0  # seconds in which nothing happens any more, after which a task counts as lost
START = 60.0  # seconds in which a worker has to be ready
SENDING_LIMIT = DEADLINE + 3.5  # seconds after which a sender that has no answer counts as left in silence

Process = subprocess.Popen[bytes]


class Lab:
    """The servers and the environment of all processes; use it through ``open_lab``."""

    def __init__(self, broker: str, folder: Path, seed: int, breakage: Breakage) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.breakage = breakage
        self.broker_name = broker
        self.broker = BROKERS[broker](folder / "broker", PROJECT.name)
        self.results = RedisServer(folder / "results")
        self.ledger = Ledger(folder / "ledger")
        self.patience = PATIENCE
        self.started = time.monotonic()
        self.stack = Stack({}, folder)
        self.sender = Celery("chaos")
        self.worker: Process | None = None
        self.keep = False  # the logs

    def say(self, line: str) -> None:
        """Print a line of progress."""
        print(f"{time.monotonic() - self.started:6.0f} s  {line}", flush=True)

    def environment(self) -> dict[str, str]:
        """Return what every process gets: the project's own values for development, and nothing that is exported."""
        defaults = parse((ROOT / "envs/dev.env").read_text())
        for name in list(os.environ):
            if name in defaults or name in known_variables(PROJECT) or name.startswith("CELERY_"):
                del os.environ[name]
        environment = with_own_python({**os.environ, **defaults})
        if environment.get("DATABASE_URL", "").startswith("sqlite"):
            environment["DATABASE_URL"] = f"sqlite:///{self.folder}/db.sqlite3"
        return environment | {
            "REDIS_URL": self.broker.url if isinstance(self.broker, RedisServer) else self.results.url,
            "CELERY_BROKER_URL": self.broker.url,
            "CELERY_RESULT_BACKEND": self.results.url,
            "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "2",
            VARIABLE: str(self.ledger.path),
            BREAK: self.breakage.as_json(),
            **self.breakage.environment,
        }

    def open(self) -> None:
        """Start the servers, and send to the broker from now on."""
        self.results.start()
        self.broker.start()
        if self.breakage.forgetful and isinstance(self.broker, RedisServer):
            self.broker.forget()
        self.stack.environment = self.environment()
        run_release(procfile(), self.stack.environment)
        runtime = load_runtime(PROJECT, self.settings())
        attach(self.sender, runtime)
        self.sender.conf.update(celery_configuration(runtime, PROJECT.services[0]))
        break_settings(self.sender.conf, self.breakage.as_json())
        self.sender.set_default()

    def stop_worker(self) -> None:
        """Stop the worker that several faults use."""
        if self.worker is not None:
            stop_group(self.worker, signal.SIGTERM, 8)
            self.worker = None

    def settings(self) -> CelerySettings:
        """Return the settings of a sender."""
        names = ("redis_url", "celery_broker_url", "celery_result_backend")
        return CelerySettings(**{name: self.stack.environment[name.upper()] for name in names})  # type: ignore[arg-type]

    def close(self) -> None:
        """Stop everything."""
        with ExitStack() as last:
            last.callback(self.results.stop)
            last.callback(self.broker.stop)
            last.callback(self.sender.close)
            last.callback(self.stack.stop, patience=5)
            last.callback(self.stop_worker)


@contextmanager
def open_lab(broker: str, seed: int, breakage: Breakage | None = None) -> Iterator[Lab]:
    """Have the servers running while the context is open; then the logs are deleted, unless something broke."""
    lab = Lab(broker, Path(tempfile.mkdtemp(prefix="chaos-", dir=scratch_parent())), seed, breakage or Breakage())
    try:
        with ExitStack() as stack:
            stack.callback(lab.close)
            lab.open()
            yield lab
    except BaseException:
        lab.keep = True
        raise
    finally:
        if lab.keep:
            kept = shutil.copytree(lab.folder, tempfile.mkdtemp(prefix="chaos-"), dirs_exist_ok=True)
            shutil.rmtree(lab.folder, ignore_errors=True)
            print(f"The logs of all processes are in {kept}", file=sys.stderr)
        else:
            shutil.rmtree(lab.folder, ignore_errors=True)


@dataclass
class Outcome:
    """A row of the table, and what broke.

    Attributes:
        sent: tasks that the broker has accepted.
        effects: those of them that had their effect.
        doubled: effects that came a second time.
        again: runs beyond the first of each task, which are allowed after a crash.
        seconds: until work went on after the fault.
        broken: a sentence for each promise that did not hold.
    """

    fault: str
    broker: str
    sent: int
    effects: int
    doubled: int
    again: int
    seconds: float | None
    broken: list[str]

    @property
    def lost(self) -> int:
        """Tasks that were accepted and had no effect."""
        return self.sent - self.effects


class Trial:
    """One fault: its tasks, its workers, and what is known of them."""

    def __init__(self, lab: Lab, fault: str) -> None:
        self.lab = lab
        self.fault = fault
        self.batch = f"{fault}/"
        self.accepted: set[str] = set()
        self.refused = 0
        self.slowest = 0.0
        self.seconds: float | None = None
        self.broken: list[str] = []
        self._numbers = 0
        self._started = 0
        self._names: dict[int, str] = {}  # of the processes of this fault

    # Processes

    def start(self, command: str, **environment: str) -> Process:
        """Start a process; its variables may differ from those of the others."""
        self._started += 1
        name = f"{self.fault}-{self._started}"
        extra = {"HEARTBEAT_FILE": str(self.lab.folder / f"{name}.heartbeat"), **environment}
        process = self.lab.stack.start(name, command.replace("NAME", name), extra)
        self._names[process.pid] = name
        return process

    def use_worker(self) -> Process:
        """Return a worker that outlives this fault; the next ones use it too."""
        if self.lab.worker is None or self.lab.worker.poll() is not None:
            self.lab.worker = self.start_worker()
            del self._names[self.lab.worker.pid]
        return self.lab.worker

    def start_workers(self, count: int, **environment: str) -> list[Process]:
        """Start workers of the project with the harness's tasks, and wait until they are ready."""
        self.lab.stop_worker()
        workers = [self.begin_worker(**environment) for _ in range(count)]
        self.wait_until("the workers are ready", lambda: all(map(self.is_ready, workers)), START)
        return workers

    def begin_worker(self, **environment: str) -> Process:
        """Start a worker of the project with the harness's tasks, and do not wait for it."""
        command = f"trinity worker {QUEUE} --hostname NAME@%h --include tests.chaos.tasks"
        return self.start(command, **environment)

    def start_worker(self, **environment: str) -> Process:
        """Start one more worker, and wait until it is ready."""
        worker = self.begin_worker(**environment)
        self.wait_until("the worker is ready", lambda: self.is_ready(worker), START)
        return worker

    def log(self, process: Process) -> Path:
        """Return the file that holds what a process has written."""
        return self.lab.stack.log(self._names[process.pid])

    def is_ready(self, worker: Process) -> bool:
        """Return whether a worker takes tasks.

        Raises:
            SystemExit: it has ended.
        """
        log = self.log(worker)
        if worker.poll() is not None:
            raise SystemExit(f"error: a worker ended with status {worker.returncode}:\n{tail(log)}")
        return " ready." in log.read_text(errors="replace")

    def stop(self, worker: Process, patience: float) -> None:
        """Ask a worker to stop, and note if it does not; its log then has what each of its threads was doing."""
        worker.send_signal(signal.SIGTERM)
        try:
            status = worker.wait(patience)
            self.expect(status == 0, f"a worker that was asked to stop ended with status {status}")
        except subprocess.TimeoutExpired:
            self.expect(False, f"a worker had not ended {patience:.0f} s after SIGTERM, with 2 s to finish its tasks")
            worker.send_signal(signal.SIGUSR1)
            time.sleep(1)
            self.kill(worker)

    def kill(self, process: Process) -> None:
        """Kill a process and all that it has started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        """Stop the processes of this fault."""
        self.lab.stack.stop(*self._names.values(), patience=8)

    # Tasks

    def send(self, count: int, seconds: float = 0.1, contract: Contract[Work] = WORK, **options: Any) -> list[str]:
        """Send tasks one after the other and return the names of those that the broker has accepted."""
        accepted = []
        for _ in range(count):
            self._numbers += 1
            task = f"{self.batch}{self._numbers}"
            started = time.monotonic()
            try:
                contract.send(Work(task=task, seconds=seconds), **options)
            except BrokerUnavailableError:
                self.refused += 1
            except Exception as error:
                self.expect(False, f"a sender got {error!r}, and not BrokerUnavailableError")
                traceback.print_exception(error)
            else:
                self.accepted.add(task)
                accepted.append(task)
            self.slowest = max(self.slowest, time.monotonic() - started)
        return accepted

    @contextmanager
    def sending(self, seconds: float = 0.02, pause: float = 0.02) -> Iterator[None]:
        """Send tasks without end, beside whatever else happens while the context is open."""
        enough = threading.Event()

        def send() -> None:
            while not enough.wait(pause):
                self.send(1, seconds)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    # What became of them

    def counts(self) -> Counts:
        """Return what the ledger says of this fault's tasks."""
        return self.lab.ledger.counts(self.batch)

    def running(self) -> frozenset[str]:
        """Return the tasks that have begun and are not done."""
        counts = self.counts()
        return counts.begun - counts.done

    def dead_letters(self, *words: str) -> int:
        """Return how many lines of the list of dead letters hold one of ``words``."""
        command = [sys.executable, "-m", "trinity_celery", "dead-letters", "list", "--limit", "1000"]
        listed = subprocess.run(
            command, cwd=ROOT, env=self.lab.stack.environment, capture_output=True, text=True, check=False
        )
        self.expect(listed.returncode == 0, f"the dead letters cannot be listed: {listed.stderr[-200:]}")
        return sum(any(word in line for word in words) for line in listed.stdout.splitlines())

    def wait_until(self, what: str, holds: Callable[[], bool], patience: float) -> bool:
        """Return whether something comes true in time, and say what one is waiting for."""
        started = time.monotonic()
        next_line = started + 2
        while not holds():
            now = time.monotonic()
            if now - started > patience:
                return False
            if now > next_line:
                next_line = now + 5
                self.lab.say(f"{self.fault}: waiting until {what} ({self.progress()})")
            time.sleep(0.05)
        return True

    def progress(self) -> str:
        """Return in a few words how far this fault's tasks are."""
        return f"{len(self.accepted)} accepted, {self.lab.ledger.totals(self.batch)[1]} done"

    def settle(self) -> None:
        """Wait until every accepted task is done, or until nothing happens any more."""
        last, since = (0, 0), time.monotonic()

        def is_over() -> bool:
            nonlocal last, since
            totals = self.lab.ledger.totals(self.batch)
            if totals != last:
                last, since = totals, time.monotonic()
            if time.monotonic() - since > self.lab.patience:
                return True
            return totals[1] >= len(self.accepted) and self.accepted <= self.counts().done

        self.wait_until("every task is done", is_over, float("inf"))

    def recovered_from(self, moment: float) -> None:
        """Note the seconds from ``moment`` (``time.time()``) until the last task that it interrupted began again."""
        starts = self.lab.ledger.starts(self.batch)
        before = {task for task, started in starts if started <= moment}
        again: dict[str, float] = {}
        for task, started in starts:
            if task in before and started > moment:
                again.setdefault(task, started - moment)
        self.seconds = max(again.values(), default=None)

    def progressed_after(self, moment: float) -> None:
        """Note the seconds from ``moment`` (``time.time()``) until the next effect."""
        later = [done - moment for _, done in self.lab.ledger.ends(self.batch) if done > moment]
        self.seconds = min(later, default=None)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a promise that is broken."""
        if not holds:
            self.broken.append(otherwise)

    def outcome(self) -> Outcome:
        """Return the row of the table."""
        counts = self.counts()
        effects = len(counts.done & self.accepted)
        outcome = Outcome(
            self.fault,
            self.lab.broker_name,
            len(self.accepted),
            effects,
            counts.effects - len(counts.done),
            counts.runs - len(counts.begun),
            self.seconds,
            self.broken,
        )
        lost = sorted(self.accepted - counts.done)
        self.expect(not lost, f"{len(lost)} tasks lost: {', '.join(lost[:9])}")
        self.expect(outcome.doubled == 0, f"{outcome.doubled} effects came twice")
        self.expect(self.slowest < SENDING_LIMIT, f"a sender had no answer for {self.slowest:.1f} s")
        self.lab.keep |= bool(self.broken)
        return outcome
