"""Beat is killed, or stopped and started again, with whatever scheduler the project has."""

import signal
import time
from itertools import pairwise

from tests.chaos.faults import fault
from tests.chaos.lab import Process, Trial

INTERVAL = 1.0  # seconds between two firings
GAP = 60.0  # seconds without a firing, after which a beat counts as not coming back


def start_beat(trial: Trial) -> Process:
    """Start beat with a schedule that fires every second."""
    schedule = str(trial.lab.folder / "schedule")
    return trial.start(
        "python -m tests.chaos.beat_every_second", CHAOS_BATCH=trial.batch, BEAT_SCHEDULE_FILENAME=schedule
    )


def wait_for_firings(trial: Trial, count: int) -> None:
    """Wait for so many more firings."""
    before = len(firings(trial))
    trial.wait_until("beat fires", lambda: len(firings(trial)) >= before + count, GAP)


def firings(trial: Trial) -> list[tuple[str, str, float]]:
    """Return what beat has sent, and let it count as accepted."""
    found = trial.lab.ledger.firings(trial.batch)
    trial.accepted.update(task for task, _, _ in found)
    return found


def judge(trial: Trial, gone: float) -> None:
    """Note the longest gap, and whether some firing came twice."""
    trial.settle()
    times = [fired for _, _, fired in firings(trial)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    early = [gap for gap in gaps if gap < INTERVAL / 2]
    trial.expect(not early, f"{len(early)} firings came twice, the nearest {min(early, default=0):.2f} s apart")
    trial.expect(any(fired > gone for fired in times), f"nothing fired for {GAP:.0f} s")
    trial.seconds = max(gaps, default=None)


@fault("beat-kill", "After beat was killed, a new one goes on after a bounded gap and makes up for no run twice.")
def kill_beat(trial: Trial) -> None:
    """Kill beat, and start a new one at once."""
    trial.use_worker()
    beat = start_beat(trial)
    wait_for_firings(trial, 4)
    trial.kill(beat)
    killed = time.time()
    start_beat(trial)
    wait_for_firings(trial, 4)
    judge(trial, killed)


@fault("beat-restart", "Beat that is restarted in good order goes on where it was.")
def restart_beat(trial: Trial) -> None:
    """Stop beat with SIGTERM, wait, and start it again: what it missed must not come in a burst."""
    trial.use_worker()
    beat = start_beat(trial)
    wait_for_firings(trial, 4)
    beat.send_signal(signal.SIGTERM)
    trial.expect(beat.wait(20) == 0, f"beat ended with status {beat.returncode}")
    stopped = time.time()
    time.sleep(4)
    start_beat(trial)
    wait_for_firings(trial, 4)
    judge(trial, stopped)
