"""Beat is well as long as its loop over the schedule turns."""

import os
import re
import signal
import time
from pathlib import Path

from honcho.environ import parse
from trinity_celery.config.environment import PLACEHOLDER
from trinity_celery.testing.heartbeats import file_of, health, wait_for_health
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.redis import private_redis

from devtools.stack import ROOT, Stack


def production() -> dict[str, str]:
    """Return the variables of production, with the database of these tests."""
    settings = parse((ROOT / "envs/prod.env").read_text())
    settings.pop("DATABASE_URL", None)
    return {name: value.replace(PLACEHOLDER, "a" * 50) for name, value in settings.items()}


def test_beat_is_well_while_its_loop_turns(broker: Stack) -> None:
    broker.start("turning", "trinity beat", {"HEARTBEAT_FILE": str(file_of(broker, "turning"))})
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


def test_beat_ends_when_a_server_that_was_away_comes_and_evicts(broker: Stack, tmp_path: Path) -> None:
    port = free_port()
    late = {"requirepass": "sesame", "maxmemory-policy": "allkeys-lru"}
    with private_redis(tmp_path / "first", requirepass="sesame") as url:
        url = url.replace("://", "://:sesame@")
        urls = {
            "REDIS_URL": url,
            "CELERY_BROKER_URL": url,
            "CELERY_RESULT_BACKEND": f"redis://:sesame@127.0.0.1:{port}",
        }
        broker.start("early-beat", "trinity beat", {**production(), **urls})
        broker.wait_for_text("early-beat", "cannot be seen yet: CELERY_RESULT_BACKEND: ")
        with private_redis(tmp_path / "late", port, **late):
            assert broker.wait("early-beat", 30) == 1
    log = broker.log("early-beat").read_text()
    assert log.count("cannot be seen yet") == 1
    assert " may throw tasks away when its memory is full: " in log
    assert "Traceback" not in log
