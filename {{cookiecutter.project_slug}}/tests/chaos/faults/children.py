"""Processes of a worker that are killed one by one, as the kernel does when memory runs out."""

import time

from tests.chaos.breakages import breakage
from tests.chaos.faults import fault
from tests.chaos.lab import Trial
from tests.chaos.tasks import LOSE_PROCESS_ALWAYS, LOSE_PROCESS_ONCE

breakage(
    "lost-process-counts-as-failure",
    "child-kill-once",
    settings={"task_reject_on_worker_lost": False, "task_retry_on_worker_lost": False},
)
breakage("endless-redelivery", "child-kill-always", settings={"task_retry_on_worker_lost": False})


@fault("child-kill-once", "A task whose process is killed, as when memory runs out, runs again; the others go on.")
def kill_child_once(trial: Trial) -> None:
    """Let a task kill its process the first time."""
    trial.use_worker()
    sent = trial.send(1, contract=LOSE_PROCESS_ONCE)
    trial.send(10)
    trial.settle()
    starts = [started for task, started in trial.lab.ledger.starts(trial.batch) if task in sent]
    trial.seconds = starts[1] - starts[0] if len(starts) > 1 else None


@fault("child-kill-always", "A task that kills its process each time is tried a few times, then becomes a dead letter.")
def kill_child_always(trial: Trial) -> None:
    """Let a task kill its process each time: it has two retries."""
    trial.use_worker()
    poison = trial.send(1, contract=LOSE_PROCESS_ALWAYS)
    trial.accepted -= set(poison)
    trial.send(10)
    trial.settle()

    def runs() -> int:
        return sum(task in poison for task, _ in trial.lab.ledger.starts(trial.batch))

    trial.wait_until("the task has been tried often enough", lambda: runs() >= 3, 30)
    before = runs()
    time.sleep(4)
    trial.expect(before == runs() == 3, f"a task that kills its process ran {runs()} times, not 3")
    letters = trial.dead_letters("lose_process_always")
    trial.expect(letters == 1, f"it left {letters} dead letters, not 1")
