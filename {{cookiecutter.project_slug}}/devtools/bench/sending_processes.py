"""Processes of ``devtools.bench.sender``, started when they are first needed."""

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trinity_celery.testing.servers import tail

from devtools.bench.ground import Ground
from devtools.stack import ROOT

PROJECT = "project"
BASELINES = ("stock", "popular", "raw")

# What differs from the baseline's own queue.
QUEUES = {"stock-events": {"BENCH_QUEUE": "stock-events"}}


@dataclass(frozen=True)
class Sent:
    """What it took to send some tasks: seconds of CPU time and seconds in all, and seconds for each call."""

    cpu: float
    seconds: float
    taken: list[float]


def _app(way: str) -> str:
    """Return the app that a way uses, as ``devtools.bench.apps`` calls it."""
    return next((name for name in BASELINES if way.startswith(name)), PROJECT)


def _key(way: str) -> str:
    """Return which process sends: one for each app, and one for each way that has queues of its own."""
    return way if way in QUEUES or way.startswith("over-") else _app(way)


class Senders:
    """One process for each app; use it as a context, which ends them."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> "Senders":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.communicate()

    def send(self, way: str, count: int) -> Sent:
        """Send ``count`` tasks.

        Raises:
            SystemExit: the process has ended; the message holds the end of what it said.
        """
        process = self._process(way)
        assert process.stdin and process.stdout
        with suppress(BrokenPipeError):
            process.stdin.write(f"{way} {count}\n")
            process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise SystemExit(f"error: sending failed ({way}):\n{tail(self._log(_key(way)))}")
        return Sent(**json.loads(answer))

    def purge(self, way: str) -> None:
        """Throw away what waits where a way sends to."""
        self.send(way, 0)

    def prepare(self, ways: Iterable[str]) -> None:
        """Start the processes for these ways, all at the same time."""
        for way in ways:
            self._process(way)

    def _log(self, key: str) -> Path:
        return self._ground.stack.log(f"sender-{key}")

    def _process(self, way: str) -> "subprocess.Popen[str]":
        key, app = _key(way), _app(way)
        if key not in self._processes:
            with self._log(key).open("wb") as log:
                self._processes[key] = subprocess.Popen(
                    [sys.executable, "-m", "devtools.bench.sender", app],
                    cwd=ROOT,
                    env={
                        **self._ground.stack.environment,
                        **self._ground.environment(project=app == PROJECT),
                        **QUEUES.get(way, {}),
                    },
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        return self._processes[key]
