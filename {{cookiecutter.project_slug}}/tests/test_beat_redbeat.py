"""With RedBeat, a second beat is a standby: it does not fire, and takes over when the first is gone."""

import inspect
import re
import signal
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redbeat.schedulers
import time_machine
import trustme
from celery import Celery
from celery.schedules import crontab
from redis import Redis
from trinity_celery.beat import ZonedCrontab
from trinity_celery.beat.redbeat import Scheduler
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.testing.heartbeats import file_of, health, wait_for_health
from trinity_celery.testing.outages import RedisServer
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.tls_proxy import tls_proxy
from trinity_celery.worker import celery_configuration

from devtools.stack import Stack
from shared.queues import PROJECT
from tests.changing_clocks import check_moments
from tests.conftest import sender_for

SENDING = re.compile(r"Scheduler: Sending due task refresh-")


def sent(stack: Stack, name: str) -> int:
    return len(SENDING.findall(stack.log(name).read_text()))


def wait_until(stack: Stack, name: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not sent(stack, name):
        assert time.monotonic() < deadline, stack.log(name).read_text()
        time.sleep(0.2)


def start(stack: Stack, name: str, **variables: str) -> None:
    stack.start(name, "trinity beat", {"HEARTBEAT_FILE": str(file_of(stack, name)), **variables})


def test_second_beat_waits_and_takes_over(broker: Stack) -> None:
    start(broker, "first")
    wait_until(broker, "first", 30)
    start(broker, "second")
    wait_for_health(broker, "second", "waiting for the lock")
    before = sent(broker, "first")
    time.sleep(8)
    assert sent(broker, "first") > before
    assert sent(broker, "second") == 0
    assert health(broker, "first") == (0, "working")
    assert health(broker, "second") == (0, "waiting for the lock")
    broker.stop("first")
    # Stopped in good order, the first gives the lock back; the standby asks for it every five seconds.
    wait_until(broker, "second", 20)
    wait_for_health(broker, "second", "working", patience=10)
    broker.stop("second")


def test_every_setting_is_one_that_redbeat_reads() -> None:
    configured = {
        name for name in celery_configuration(load_runtime(PROJECT), PROJECT.services[0]) if name.startswith("redbeat_")
    }
    read = set(re.findall(r"redbeat_\w+", inspect.getsource(redbeat.schedulers)))
    assert configured
    assert configured - read == set()


def test_nobody_who_asks_for_the_configuration_sees_the_password() -> None:
    url = "redis://beat:se%23same@redis.example:6380/2"
    configuration = celery_configuration(load_runtime(PROJECT, CelerySettings(redis_url=url)), PROJECT.services[0])
    app = Celery("shown", set_as_current=False)
    app.conf.update(configuration)
    assert "same" not in app.bugreport()
    options = Redis.from_url(
        configuration["redbeat_redis_url"], **configuration["redbeat_redis_options"]
    ).connection_pool.connection_kwargs
    names = ("username", "password", "host", "port", "db")
    assert [options[name] for name in names] == ["beat", "se#same", "redis.example", 6380, 2]


def test_settings_bound_the_takeover_after_a_crash() -> None:
    configuration = celery_configuration(load_runtime(PROJECT), PROJECT.services[0])
    assert configuration["redbeat_lock_timeout"] == 30
    assert configuration["beat_max_loop_interval"] < configuration["redbeat_lock_timeout"]


def test_lock_and_schedule_lie_behind_a_verified_connection(broker: Stack, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with tls_proxy(urlsplit(broker.environment["REDIS_URL"]).port or 0, authority) as port:
        url = f"rediss://localhost:{port}/0"
        variables = {"REDIS_URL": url, "CELERY_BROKER_URL": url, "TLS_CA_FILE": str(tmp_path / "ca.pem")}
        broker.start("encrypted", "trinity beat", variables)
        wait_until(broker, "encrypted", 60)
        broker.stop("encrypted")


def test_beat_goes_on_when_its_server_was_emptied_or_demoted(tmp_path: Path, broker: Stack) -> None:
    server = RedisServer(tmp_path)
    server.start()
    variables = {"REDIS_URL": server.url, "CELERY_BROKER_URL": server.url}
    try:
        start(broker, "flushed", **variables)
        wait_until(broker, "flushed", 30)
        start(broker, "standing-by", **variables)
        wait_for_health(broker, "standing-by", "waiting for the lock")
        faults: list[tuple[Callable[[], Any], Callable[[], Any], str]] = [
            (server.client().flushall, lambda: None, "the lock is gone: Redis was emptied or replaced"),
            (server.demote, server.promote, "the server takes no writes now"),
        ]
        for break_it, mend_it, said in faults:
            break_it()
            wait_for_line(broker, ("flushed", "standing-by"), said)
            mend_it()
            before = sum(sent(broker, name) for name in ("flushed", "standing-by"))
            deadline = time.monotonic() + 20
            while sum(sent(broker, name) for name in ("flushed", "standing-by")) < before + 2:
                broker.check()
                assert time.monotonic() < deadline, broker.log("flushed").read_text()
                time.sleep(0.1)
        assert "CRITICAL" not in broker.log("flushed").read_text() + broker.log("standing-by").read_text()
    finally:
        broker.stop("flushed", "standing-by")
        server.stop()


def wait_for_line(stack: Stack, names: Iterable[str], text: str) -> None:
    """Wait until one of these processes has said ``text``."""
    deadline = time.monotonic() + 30
    while not any(text in stack.log(name).read_text() for name in names):
        stack.check()
        assert time.monotonic() < deadline, [stack.log(name).read_text() for name in names]
        time.sleep(0.1)


def test_beat_that_waits_for_its_server_ends_when_it_is_told_to(broker: Stack) -> None:
    start(broker, "beat-told", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    wait_for_line(broker, ["beat-told"], "Redis cannot be used")
    broker.send_signal("beat-told", signal.SIGTERM)
    assert broker.wait("beat-told", 5) == 0


def test_crontabs_from_redis_are_right_when_clocks_are_changed(broker: Stack) -> None:
    app = sender_for(broker.environment)

    def add(crontab: ZonedCrontab) -> Any:
        entry = Scheduler.Entry(name=repr(crontab), task="tests.by_the_clock", schedule=crontab, app=app)
        entry.delete()
        return Scheduler.Entry.from_key(entry.save().key, app=app)

    def keep(entry: Any) -> Any:
        kept = Scheduler.Entry.from_key(entry.key, app=app)
        assert kept.schedule == entry.schedule
        # Beat loads an entry only when this has come.
        assert kept.score == entry.schedule.next_after(datetime.now(UTC)).timestamp()
        kept.delete()
        return kept.save()

    check_moments(add, keep)


def test_entries_that_were_added_at_run_time_follow_the_clock_of_the_project(
    broker: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_TIMEZONE", "Europe/Berlin")
    app = sender_for(broker.environment)
    # When the clock in Berlin shows ten minutes past two for the second time.
    now = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    for schedule, later in ((crontab("30", "3"), timedelta(minutes=80)), (30.0, timedelta(seconds=30))):
        with time_machine.travel(now, tick=False):
            redbeat.schedulers.RedBeatSchedulerEntry("by hand", "tests.by_hand", schedule, app=app).save()
            key = Scheduler.Entry("by hand", app=app).key
            next(Scheduler.Entry.from_key(key, app=app))
            entry = Scheduler.Entry.from_key(key, app=app)
            assert (entry.is_due()[0], entry.score) == (False, (now + later).timestamp())
            entry.delete()
