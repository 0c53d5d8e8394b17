"""Beat is well as long as its loop over the schedule turns."""

import os
import re
import signal
import time
from pathlib import Path

from redis import Redis

from devtools.ports import free_port
from devtools.redis import private_redis
from devtools.stack import Stack
from tests.test_heartbeat import file_of, health, wait_for_health
from tests.test_redis_state import wait_for_text


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


def test_beat_looks_at_a_server_that_was_away_when_it_started(broker: Stack, tmp_path: Path) -> None:
    port = free_port()
    away = {"CELERY_RESULT_BACKEND": f"redis://127.0.0.1:{port}/0"}
    broker.start("early-beat", "python -m shared.commands.beat", away)
    wait_for_text(broker, "early-beat", "cannot be seen yet: CELERY_RESULT_BACKEND: ")
    with private_redis(tmp_path, port) as late:
        with Redis.from_url(late) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        wait_for_text(broker, "early-beat", "may throw tasks away")
        broker.stop("early-beat")
    assert broker.log("early-beat").read_text().count("cannot be seen yet") == 1
