"""Beat is well as long as its loop over the schedule turns."""

import os
import re
import signal
import time

from devtools.stack import Stack
from tests.test_heartbeat import file_of, health, wait_for_health


def test_beat_is_well_while_its_loop_turns(broker: Stack) -> None:
    broker.start("turning", "python -m shared.commands.beat", {"HEARTBEAT_FILE": str(file_of(broker, "turning"))})
    wait_for_health(broker, "turning", "working")
    broker.send_signal("turning", signal.SIGSTOP)
    # As if 42 seconds had passed since the heartbeat was good. A loop that turned would write one every second.
    long_ago = time.time() - 42
    os.utime(file_of(broker, "turning"), (long_ago, long_ago))
    time.sleep(3)
    status, line = health(broker, "turning")
    assert status == 1
    assert re.fullmatch(r"last heartbeat 4\d s overdue \(it said: working\): the process is stopped or stuck", line)
    broker.send_signal("turning", signal.SIGCONT)
    wait_for_health(broker, "turning", "working", patience=10)
    broker.stop("turning")
