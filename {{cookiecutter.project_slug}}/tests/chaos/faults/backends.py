"""What tasks need besides the broker is away: the result backend, the database."""

import time

from tests.chaos.faults import fault
from tests.chaos.lab import Trial
from tests.chaos.tasks import WORK_WITH_RESULT


@fault("results-away", "Tasks run while the result backend is away, also those that were to keep a result.")
def results_away(trial: Trial) -> None:
    """Stop the result backend while tasks run that are to keep a result; others are sent meanwhile."""
    trial.use_worker()
    trial.send(6, seconds=0.5, contract=WORK_WITH_RESULT)
    trial.wait_until("tasks run", lambda: len(trial.running()) > 0, 30)
    with trial.lab.results.away():
        gone = time.time()
        trial.send(20)
        trial.wait_until("tasks run", lambda: trial.counts().effects >= 26, 30)
        trial.progressed_after(gone)
    trial.settle()


@fault("database-away", "Tasks whose database is away try again, ever later and not all at once, until it is back.")
def database_away(trial: Trial) -> None:
    """Move the database away for some seconds while tasks run."""
    trial.use_worker()
    trial.send(30)
    trial.wait_until("tasks run", lambda: len(trial.counts().done) > 4, 30)
    folder = trial.lab.ledger.folder
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    time.sleep(4)
    elsewhere.rename(folder)
    back = time.time()
    trial.settle()
    trial.progressed_after(back)
