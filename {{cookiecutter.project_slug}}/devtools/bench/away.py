"""Part 7, only if named: the servers freeze while clients ask, and go on; what the clients see of it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from devtools.bench.endpoint import HEALTH, PAUSE, Endpoint, answers_of, baselines, begin, p99, start_services
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.sending_processes import Senders

NAME = "away"
CLIENTS = 16  # more than gunicorn has threads
BEFORE, FROZEN, AFTER = 1.0, 4.0, 2.5  # seconds


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        f"The broker and the result backend answer nobody for {FROZEN:.0f} s; {CLIENTS} clients, and the health beside",
        (Column("slowest", "ms"), Column("health p99", "ms"), Column("sends again after", "ms"), Column("errors")),
        ("slowest", "health p99"),
        baselines=baselines(),
    )


@contextmanager
def frozen(ground: Ground) -> Iterator[None]:
    """Halt the servers without ending them while the context is open."""
    try:
        for server in ground.servers:
            os.kill(server.pid, signal.SIGSTOP)
        yield
    finally:
        for server in ground.servers:
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGCONT)


def measure(ground: Ground, endpoint: Endpoint) -> dict[str, float]:
    """Ask an endpoint before, while and after the servers are frozen, and return its figures.

    Raises:
        SystemExit: it sends nothing afterwards.
    """
    seconds = BEFORE + FROZEN + AFTER
    asking = begin(endpoint, "POST", endpoint.path, CLIENTS, seconds, PAUSE)
    looking = begin(endpoint, "GET", HEALTH, 1, seconds, PAUSE)
    time.sleep(BEFORE)
    with frozen(ground):
        time.sleep(FROZEN)
    back = time.time()
    answers, health = answers_of(asking, endpoint.name), answers_of(looking, endpoint.name)
    again = [at - back for at in answers.good_at if at >= back]
    if not again:
        raise SystemExit(f"error: {endpoint.name}: nothing was sent within {AFTER} s of the servers' return")
    return {
        "slowest": max(answers.taken) * 1e3,
        "health p99": p99(health.taken),
        "sends again after": min(again) * 1e3,
        "errors": answers.errors + health.errors,
    }


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Freeze the servers for every endpoint in turn, round by round."""
    part, began = new_part(), time.monotonic()
    senders.prepare(["stock", "contract"])
    try:
        endpoints = start_services(ground)
        for number in rounds(seconds, 1, 1 if ground.quick else 3, began):
            for endpoint in endpoints:
                figures = measure(ground, endpoint)
                part.add(endpoint.name, number, **figures)
                ground.say(f"{NAME}, round {number}: {endpoint.name:<24}slowest answer {figures['slowest']:6.0f} ms")
                senders.purge("stock")
                senders.purge("contract")
    finally:
        ground.stop_all()
    return part
