"""Tasks that take longer, or that are to begin later, than a broker waits before it gives a task to somebody else."""

import subprocess
import time

from celery import Celery
from trinity_celery.brokers.delays import settle_delay
from trinity_celery.config import load_runtime
from trinity_celery.config.runtime import attach
from trinity_celery.worker import celery_configuration

from shared.queues import PROJECT
from tests.chaos.breakages import breakage
from tests.chaos.faults import fault
from tests.chaos.lab import Trial

SHORT_LEASE = {"CELERY_BROKER_LEASE": "3"}
WITHOUT_LEASES = {"CELERY_BROKER_LEASE": "0", "CELERY_BROKER_VISIBILITY_TIMEOUT": "600"}
# Kombu's own transport, with the wait that the project refuses to start with.
SHORT_WAIT = {"visibility_timeout": 2, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}

breakage(
    "wait-shorter-than-a-task",
    "long-task",
    settings={"broker_transport": None, "broker_transport_options": SHORT_WAIT},
    broker="redis",
)

LIMIT = "CELERY_BROKER_VISIBILITY_TIMEOUT"


@fault("long-task", "A task that takes long is not given to a second worker; settings that would do so are refused.")
def long_task(trial: Trial) -> None:
    """Run tasks for three times as long as a worker's claim on them holds without renewal."""
    trial.start_workers(2, **SHORT_LEASE)
    trial.send(3, seconds=9)
    trial.settle()
    trial.expect(trial.counts().runs == 3, f"3 tasks of 9 s ran {trial.counts().runs} times")
    refused = trial.begin_worker(**WITHOUT_LEASES)
    try:
        refused.wait(30)
    except subprocess.TimeoutExpired:
        trial.expect(False, f"a worker started although {LIMIT} does not exceed the time limit")
    else:
        trial.expect(LIMIT in trial.log(refused).read_text(), f"a worker was refused without naming {LIMIT}")


@fault("long-eta", "A task that is delayed for long runs once and not too early, or is refused when it is sent.")
def long_eta(trial: Trial) -> None:
    """Delay tasks for longer than a worker's claim holds; then send one that no worker may hold for so long."""
    trial.start_workers(2, **SHORT_LEASE)
    sent = time.time()
    trial.send(4, countdown=9)
    trial.settle()
    starts = trial.lab.ledger.starts(trial.batch)
    trial.expect(len(starts) == 4, f"4 delayed tasks ran {len(starts)} times")
    trial.expect(all(started - sent >= 8.9 for _, started in starts), "a delayed task began too early")
    settings = trial.lab.settings().model_copy(update={"celery_broker_lease": 0})
    app = Celery("chaos-without-leases", set_as_current=False)
    runtime = load_runtime(PROJECT, settings)
    attach(app, runtime)
    app.conf.update(celery_configuration(runtime, PROJECT.services[0]))
    if limit := app.conf.broker_transport_options.get("visibility_timeout"):
        try:
            settle_delay(app, countdown=limit)
        except ValueError as error:
            trial.expect(LIMIT in str(error), f"a delay was refused without naming {LIMIT}")
        else:
            trial.expect(False, f"a delay of {limit} s was not refused")
