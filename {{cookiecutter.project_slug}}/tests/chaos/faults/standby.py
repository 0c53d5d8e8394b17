"""Two beats at once, with a scheduler whose second beat is a standby."""

import time

from tests.chaos.breakages import breakage
from tests.chaos.faults import fault
from tests.chaos.faults.beat import firings, judge, start_beat, wait_for_firings
from tests.chaos.lab import Trial

breakage("scheduler-without-a-lock", "two-beats", environment={"CELERY_BEAT_SCHEDULER": "celery.beat:Scheduler"})


@fault("two-beats", "Of two beats only one fires; the other takes over when the first is stopped.")
def two_beats(trial: Trial) -> None:
    """Run two beats side by side, then stop the one that fires."""
    trial.use_worker()
    first = start_beat(trial)
    wait_for_firings(trial, 2)
    start_beat(trial)
    wait_for_firings(trial, 10)
    trial.expect(len({sender for _, sender, _ in firings(trial)}) == 1, "both beats fired")
    first.terminate()
    first.wait(20)
    stopped = time.time()
    wait_for_firings(trial, 3)
    judge(trial, stopped)
