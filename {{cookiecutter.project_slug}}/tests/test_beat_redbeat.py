"""With RedBeat, a second beat is a standby: it does not fire, and takes over when the first is gone."""

import inspect
import re
import time

import redbeat.schedulers

from devtools.stack import Stack
from shared.celery_settings import celery_configuration
from shared.layout import SERVICES
from shared.settings import CelerySettings

SENDING = re.compile(r"Scheduler: Sending due task refresh-")


def sent(stack: Stack, name: str) -> int:
    return len(SENDING.findall(stack.log(name).read_text()))


def wait_until(stack: Stack, name: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not sent(stack, name):
        assert time.monotonic() < deadline, stack.log(name).read_text()
        time.sleep(0.2)


def test_second_beat_waits_and_takes_over(broker: Stack) -> None:
    broker.start("first", "python -m shared.commands.beat")
    wait_until(broker, "first", 30)
    broker.start("second", "python -m shared.commands.beat")
    before = sent(broker, "first")
    time.sleep(8)
    assert sent(broker, "first") > before
    assert sent(broker, "second") == 0
    broker.stop("first")
    # Stopped in good order, the first gives the lock back; the standby asks for it every five seconds.
    wait_until(broker, "second", 20)
    broker.stop("second")


def test_every_setting_is_one_that_redbeat_reads() -> None:
    configured = {name for name in celery_configuration(CelerySettings(), SERVICES[0]) if name.startswith("redbeat_")}
    read = set(re.findall(r"redbeat_\w+", inspect.getsource(redbeat.schedulers)))
    assert configured
    assert configured - read == set()


def test_settings_bound_the_takeover_after_a_crash() -> None:
    configuration = celery_configuration(CelerySettings(), SERVICES[0])
    assert configuration["redbeat_lock_timeout"] == 30
    assert configuration["beat_max_loop_interval"] < configuration["redbeat_lock_timeout"]
