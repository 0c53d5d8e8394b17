"""Part 3: a web service that sends a task for each request, and how its other requests fare meanwhile."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import quantiles

from trinity_celery.testing.ports import free_port

from devtools.bench import web
from devtools.bench.figures import Column, Part, rounds
from devtools.bench.ground import Ground
from devtools.bench.load import Answers
from devtools.bench.sending_processes import Senders
from devtools.bench.tasks import QUEUE
from devtools.stack import ROOT
from devtools.web_services import WEB_SERVICES

NAME = "endpoint"
CLIENTS = 64
SECONDS, QUICK_SECONDS = 3.0, 1.5  # in each round
HEALTH = "/health/live"
PAUSE = 0.05  # seconds between two looks at the health


@dataclass(frozen=True)
class Endpoint:
    """A row of the table: where to ask, and the process that answers."""

    name: str
    port: int
    path: str
    pid: int


def own(title: str) -> str:
    """Return how a service's own endpoint is called."""
    return f"{title}: this project"


def naive(title: str) -> str:
    """Return how the baseline's endpoint in the same service is called."""
    return f"{title}: stock .delay()"


def baselines() -> dict[str, str]:
    """Return with what each endpoint is compared."""
    return {name(each.title): naive(each.title) for each in WEB_SERVICES for name in (own, naive)}


def new_part() -> Part:
    """Return the part as it is before anything is measured."""
    return Part(
        NAME,
        f"An endpoint that sends a task, {CLIENTS} clients at once; beside it, the health endpoint",
        (Column("CPU", "us"), Column("requests/s"), Column("p99", "ms"), Column("health p99", "ms"), Column("errors")),
        ("CPU", "requests/s", "health p99"),
        baselines=baselines(),
    )


def start_services(ground: Ground) -> list[Endpoint]:
    """Start each web service twice, as it is and with the baseline's endpoint, and wait until they answer."""
    found = []
    for service in WEB_SERVICES:
        for name, command, path in (
            (naive(service.title), web.baseline_command(service), "/delay"),
            (own(service.title), web.command(service), f"/queues/{QUEUE}/ping"),
        ):
            port = free_port()
            # What the baseline shares with the project, such as its database, is set as the project needs it.
            process = ground.start(command, environment={service.port_variable: str(port)})
            found.append(Endpoint(name, port, path, process.pid))
    for endpoint in found:
        ground.say(f"waiting until {endpoint.name} has started")
        ground.stack.wait_for(f"http://127.0.0.1:{endpoint.port}{HEALTH}")
    return found


def begin(endpoint: Endpoint, method: str, path: str, clients: int, seconds: float, pause: float) -> "subprocess.Popen":
    """Start a process that asks."""
    words = [endpoint.port, method, path, clients, seconds, pause]
    command = [sys.executable, "-m", "devtools.bench.load", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def answers_of(process: "subprocess.Popen[str]", name: str) -> Answers:
    """Return what a process has found out about the endpoint called ``name``.

    Raises:
        SystemExit: nothing, because the service does not answer.
    """
    out, _ = process.communicate(timeout=120)
    found = Answers(**json.loads(out)) if process.returncode == 0 else Answers()
    if not found.taken:
        raise SystemExit(f"error: {name}: the service does not answer")
    return found


def p99(taken: list[float]) -> float:
    """Return how many milliseconds all but the slowest hundredth have taken at most."""
    return quantiles([*taken, max(taken)], n=100, method="inclusive")[98] * 1e3


def measure(ground: Ground, endpoint: Endpoint, seconds: float) -> dict[str, float]:
    """Load an endpoint, and return its figures; CPU time is that of the service, for each request."""
    before = ground.cpu(endpoint.pid)
    asking = begin(endpoint, "POST", endpoint.path, CLIENTS, seconds, 0)
    looking = begin(endpoint, "GET", HEALTH, 1, seconds, PAUSE)
    answers, health = answers_of(asking, endpoint.name), answers_of(looking, endpoint.name)
    used = ground.cpu(endpoint.pid) - before
    return {
        "CPU": used.for_each(len(answers.taken) + len(health.taken))["CPU"],
        "requests/s": len(answers.taken) / seconds,
        "p99": p99(answers.taken),
        "health p99": p99(health.taken),
        "errors": answers.errors + health.errors,
    }


def in_turn(
    part: Part,
    ground: Ground,
    senders: Senders,
    numbers: Iterable[int],
    measure: Callable[[Endpoint], dict[str, float]],
    shown: Callable[[dict[str, float]], str],
) -> Part:
    """Measure every endpoint in each round, and return ``part`` with the figures; ``shown`` says one of them."""
    senders.prepare(["stock", "contract"])
    try:
        endpoints = start_services(ground)
        for number in numbers:
            for endpoint in endpoints:
                figures = measure(endpoint)
                part.add(endpoint.name, number, **figures)
                ground.say(f"{part.name}, round {number}: {endpoint.name:<24}{shown(figures)}")
                senders.purge("stock")
                senders.purge("contract")
    finally:
        ground.stop_all()
    return part


def run(ground: Ground, senders: Senders, seconds: float) -> Part:
    """Load every endpoint in turn, round by round."""
    lasts = QUICK_SECONDS if ground.quick else SECONDS
    return in_turn(
        new_part(),
        ground,
        senders,
        rounds(seconds, 1 if ground.quick else 2, 9, time.monotonic()),
        lambda endpoint: measure(ground, endpoint, lasts),
        lambda figures: f"{figures['requests/s']:6.0f} requests a second",
    )
