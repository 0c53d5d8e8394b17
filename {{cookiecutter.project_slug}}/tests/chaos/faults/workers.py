"""Workers that are killed, or asked to stop."""

import time

from tests.chaos.breakages import breakage
from tests.chaos.faults import fault
from tests.chaos.lab import Process, Trial
from tests.chaos.tasks import UNGUARDED

CONCURRENCY = 4
FOUR = {"CELERY_WORKER_CONCURRENCY": str(CONCURRENCY)}

breakage("early-acknowledgement", "worker-kill", settings={"task_acks_late": False})
breakage("no-leases", "worker-kill", environment={"CELERY_BROKER_LEASE": "0"}, broker="redis")
breakage("no-claim", "worker-kill-only", environment={UNGUARDED: "1"})
breakage("no-end-in-time", "worker-stop", settings={"worker_soft_shutdown_timeout": 600})


@fault("worker-kill", "A worker that is killed with all its processes loses no task: another one runs them again.")
def kill_worker(trial: Trial) -> None:
    """Kill one of two busy workers, which also holds delayed tasks, and start another one at once."""
    worker, _ = trial.start_workers(2, **FOUR)
    trial.send(4, countdown=3)
    trial.send(32, seconds=0.5)
    trial.wait_until("tasks run", lambda: len(trial.running()) >= CONCURRENCY, 30)
    time.sleep(trial.lab.random.uniform(0, 0.4))
    kill_and_replace(trial, worker)


@fault("worker-kill-only", "The only worker of a queue may be killed too, even between a task's effect and its end.")
def kill_only_worker(trial: Trial) -> None:
    """Kill the only worker while its tasks have had their effects and are not done."""
    (worker,) = trial.start_workers(1, **FOUR)
    trial.send(4, seconds=3)
    trial.send(16, seconds=0.3)
    trial.wait_until("tasks have their effects", lambda: trial.counts().effects >= CONCURRENCY, 30)
    kill_and_replace(trial, worker)


def kill_and_replace(trial: Trial, worker: Process) -> None:
    """Kill a worker and start another one at once."""
    trial.kill(worker)
    killed = time.time()
    trial.start_worker(**FOUR)
    trial.settle()
    # What is to come again although it has had its effect may still be on its way.
    trial.wait_until("what was killed runs again", lambda: trial.counts().runs >= len(trial.accepted) + 1, 30)
    time.sleep(1)
    trial.recovered_from(killed)


@fault("worker-stop", "A worker that is asked to stop ends in time; what it had not finished goes back into the queue.")
def stop_worker(trial: Trial) -> None:
    """Send SIGTERM, as `docker compose stop` does, while short and long tasks run."""
    (worker,) = trial.start_workers(1, **FOUR, CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT="2")
    trial.send(2, seconds=14)
    trial.send(16, seconds=0.5)
    trial.wait_until("tasks run", lambda: len(trial.running()) >= CONCURRENCY, 30)
    asked = time.time()
    trial.stop(worker, patience=10)
    trial.start_worker(**FOUR)
    trial.settle()
    trial.recovered_from(asked)
