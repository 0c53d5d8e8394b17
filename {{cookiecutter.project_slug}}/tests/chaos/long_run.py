"""Thousands of tasks, and a random fault every few seconds, until all were sent; the seed decides what comes when."""

import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from tests.chaos.lab import START, Outcome, Process, Trial

WORKERS = 2
WAITING = 500  # tasks that are sent before others are done, at most
LONGEST = 0.05  # seconds that a task takes


class LongRun:
    """Two workers, a sender, and what happens to them."""

    def __init__(self, trial: Trial, tasks: int, seed: int) -> None:
        self.trial = trial
        self.lab = trial.lab
        self.tasks = tasks
        self.durations = random.Random(seed + 1)
        self.workers: list[Process] = []
        self.faults: list[Callable[[], None]] = [
            self.kill_worker,
            self.kill_child,
            self.stop_worker,
            self.restart_broker,
            self.kill_broker,
            self.freeze_broker,
            self.restart_results,
        ]

    def run(self) -> Outcome:
        """Send everything, with faults, and wait for the end."""
        self.workers = self.trial.start_workers(WORKERS)
        with self.sending() as sender:
            while sender.is_alive():
                sender.join(self.lab.random.uniform(2, 6))
                if sender.is_alive():
                    fault = self.lab.random.choice(self.faults)
                    self.lab.say(f"{fault.__name__.replace('_', ' ')} ({self.trial.progress()})")
                    fault()
                    self.replace_the_dead()
        self.trial.settle()
        ends = [done for _, done in self.lab.ledger.ends(self.trial.batch)]
        self.trial.seconds = max((later - earlier for earlier, later in pairwise(ends)), default=None)
        return self.trial.outcome()

    @contextmanager
    def sending(self) -> Iterator[threading.Thread]:
        """Send until the broker has accepted as many tasks as there are to be."""
        enough = threading.Event()

        def send() -> None:
            done = 0
            while len(self.trial.accepted) < self.tasks and not enough.is_set():
                if len(self.trial.accepted) - done < WAITING:
                    self.trial.send(1, self.durations.uniform(0, LONGEST))
                else:
                    enough.wait(0.1)
                    done = self.lab.ledger.totals(self.trial.batch)[1]

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            enough.set()
            thread.join()

    def replace_the_dead(self) -> None:
        """Start a worker again that ended, which none may have done by itself."""
        for number, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.trial.expect(False, f"a worker ended by itself with status {worker.returncode}")
                self.workers[number] = self.trial.begin_worker()

    def some_worker(self) -> int:
        """Return the number of one of the workers."""
        return self.lab.random.randrange(WORKERS)

    def wait_for(self, worker: Process) -> None:
        """Wait until a worker is ready: one that loses a process or is stopped while it starts ends with an error."""
        self.trial.wait_until("the worker is ready", lambda: self.trial.is_ready(worker), START)

    def kill_worker(self) -> None:
        """Kill a worker with all its processes, and start another one at once."""
        number = self.some_worker()
        self.trial.kill(self.workers[number])
        self.workers[number] = self.trial.begin_worker()

    def kill_child(self) -> None:
        """Kill one process of a worker."""
        worker = self.workers[self.some_worker()]
        self.wait_for(worker)
        found = subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True, check=False)
        if children := found.stdout.split():
            subprocess.run(["kill", "-KILL", self.lab.random.choice(children)], check=False, capture_output=True)

    def stop_worker(self) -> None:
        """Ask a worker to stop, wait for it, and start another one."""
        number = self.some_worker()
        self.wait_for(self.workers[number])
        self.trial.stop(self.workers[number], patience=30)
        self.workers[number] = self.trial.begin_worker()

    def restart_broker(self) -> None:
        """Stop the broker in good order, and start it again."""
        with self.lab.broker.away():
            time.sleep(self.lab.random.uniform(0, 2))

    def kill_broker(self) -> None:
        """Kill the broker, and start it again."""
        with self.lab.broker.away(killed=True):
            time.sleep(self.lab.random.uniform(0, 2))

    def freeze_broker(self) -> None:
        """Let the broker answer nobody for a while."""
        with self.lab.broker.frozen():
            time.sleep(self.lab.random.uniform(0.5, 7))

    def restart_results(self) -> None:
        """Do the same to the result backend."""
        with self.lab.results.away():
            time.sleep(self.lab.random.uniform(0, 3))
