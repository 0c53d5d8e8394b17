"""Brokers that restart, are killed or freeze, and garbage in a queue."""

import time

from tests.chaos.breakages import breakage
from tests.chaos.faults import fault
from tests.chaos.lab import Trial
from tests.chaos.tasks import QUEUE

breakage("nothing-on-disk", "broker-kill-busy", forgetful=True, broker="redis")


@fault("broker-restart-idle", "A worker that had nothing to do while the broker restarted takes tasks again by itself.")
def restart_while_idle(trial: Trial) -> None:
    """Stop and start the broker while a worker waits for tasks."""
    trial.use_worker()
    trial.send(2)
    trial.settle()
    with trial.lab.broker.away():
        time.sleep(1)
    back = time.time()
    send_when_it_answers(trial, 10)
    trial.settle()
    trial.progressed_after(back)


def send_when_it_answers(trial: Trial, count: int) -> None:
    """Send so many tasks; a sender that is refused tries again."""
    before = len(trial.accepted)
    trial.wait_until(
        "the broker takes tasks", lambda: bool(trial.send(1)) and len(trial.accepted) - before >= count, 60
    )


@fault("broker-kill-busy", "A broker that is killed keeps the tasks it has accepted; workers go on by themselves.")
def kill_while_busy(trial: Trial) -> None:
    """Kill the broker while a worker is busy and tasks wait."""
    trial.use_worker()
    trial.send(40, seconds=0.2)
    trial.wait_until("tasks run", lambda: len(trial.counts().done) > 4, 30)
    with trial.lab.broker.away(killed=True):
        time.sleep(1)
    back = time.time()
    trial.settle()
    trial.progressed_after(back)


@fault(
    "broker-kill-sending",
    "Whoever sends while the broker dies is told so in time, or the task is kept.",
)
def kill_while_sending(trial: Trial) -> None:
    """Freeze the broker, then kill it, while senders send: what it had no time to read must not count as sent."""
    trial.use_worker()
    with trial.sending():
        time.sleep(1)
        with trial.lab.broker.frozen():
            time.sleep(1.5)
            trial.lab.broker.kill()
        time.sleep(1)
        trial.lab.broker.start()
        back, before = time.time(), len(trial.accepted)
        trial.wait_until("senders get on", lambda: len(trial.accepted) > before + 20, 60)
    trial.expect(trial.refused > 0, "no sender was told that the broker was away")
    trial.settle()
    trial.progressed_after(back)


@fault("broker-freeze", "A broker that answers nobody for a while costs time, and no task.")
def freeze(trial: Trial) -> None:
    """Freeze the broker for longer than a worker waits for an answer, while a worker is busy and senders send."""
    trial.use_worker()
    trial.send(10, seconds=0.2)
    with trial.sending():
        time.sleep(0.5)
        with trial.lab.broker.frozen():
            time.sleep(8)
        back, before = time.time(), len(trial.accepted)
        trial.wait_until("senders get on", lambda: len(trial.accepted) > before + 10, 60)
    trial.settle()
    trial.progressed_after(back)


@fault("garbage", "Messages that are no tasks do not stop a worker: they become dead letters.")
def push_garbage(trial: Trial) -> None:
    """Put garbage between the tasks."""
    trial.use_worker()
    trial.send(5)
    garbage = trial.lab.broker.push_garbage(QUEUE)
    pushed = time.time()
    trial.send(5)
    trial.settle()
    trial.progressed_after(pushed)
    reasons = (" garbage ", " undecodable ")
    # A broker may move them on its own, and later.
    trial.wait_until("all garbage is a dead letter", lambda: trial.dead_letters(*reasons) >= garbage, 30)
    letters = trial.dead_letters(*reasons)
    trial.expect(letters == garbage, f"{garbage} messages that are no tasks left {letters} dead letters")
