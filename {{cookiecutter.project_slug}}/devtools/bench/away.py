"""Part 8, only if named: the servers freeze while clients ask, and go on; what the clients see of it."""

import time

from devtools.bench.endpoint import HEALTH, PAUSE, Endpoint, answers_of, baselines, begin, in_turn, p99
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.sending_processes import Senders
from devtools.bench.workers import held

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


def measure(ground: Ground, endpoint: Endpoint) -> dict[str, float]:
    """Ask an endpoint before, while and after the servers are frozen, and return its figures.

    Raises:
        SystemExit: it sends nothing afterwards.
    """
    seconds = BEFORE + FROZEN + AFTER
    asking = begin(endpoint, "POST", endpoint.path, CLIENTS, seconds, PAUSE)
    looking = begin(endpoint, "GET", HEALTH, 1, seconds, PAUSE)
    time.sleep(BEFORE)
    with held(*ground.servers):
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
    return in_turn(
        new_part(),
        ground,
        senders,
        rounds(seconds, 1, 1 if ground.quick else 3, time.monotonic()),
        lambda endpoint: measure(ground, endpoint),
        lambda figures: f"slowest answer {figures['slowest']:6.0f} ms",
    )
