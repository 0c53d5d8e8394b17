"""A server that becomes a replica, as in a fail-over, or has no free memory: whoever needs it goes on by itself."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import OutOfMemoryError

from tests.library.harness import QUEUE, WORKER, sender_for
from tests.library.shop.queues import PROJECT
from trinity_celery.config import CelerySettings
from trinity_celery.connections import redis_client
from trinity_celery.dead_letters import DeadLetters
from trinity_celery.dead_letters.store import dead_letter
from trinity_celery.messages.reasons import FAILED
from trinity_celery.testing.outages import RedisServer
from trinity_celery.testing.processes import Processes
from trinity_celery.worker.rate_limit import MAY_START

pytestmark = pytest.mark.only("redis")

NO_WRITES = "the server takes no writes now: You can't write against a read only replica"


class Server(RedisServer):
    """A server that can be filled."""

    def fill(self) -> None:
        self.client().config_set("maxmemory", 100_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def variables(server: Server) -> dict[str, str]:
    return {"REDIS_URL": server.url, "CELERY_BROKER_URL": server.url}


@pytest.fixture
def worker(broker: Processes, variables: dict[str, str]) -> Iterator[Callable[[], Celery]]:
    """Return a function that starts a worker, and returns an app that sends to it."""

    def start() -> Celery:
        command = f"{WORKER} --include trinity_celery.testing.tasks --without-heartbeat"
        broker.start("failover", command, variables)
        return sender_for(variables)

    yield start
    broker.stop("failover")
    broker.log("failover").unlink()


def wait_for(stack: Processes, text: str, count: int = 1) -> str:
    """Wait until the worker has said ``text`` so often, and return its log."""
    deadline = time.monotonic() + 60
    while (log := stack.log("failover").read_text()).count(text) < count:
        stack.check()
        assert time.monotonic() < deadline, log
        time.sleep(0.05)
    return log


def test_worker_waits_for_a_server_that_takes_writes(
    broker: Processes, server: Server, worker: Callable[[], Celery]
) -> None:
    server.demote()
    app = worker()
    wait_for(broker, NO_WRITES)
    server.promote()
    wait_for(broker, " ready.")
    assert app.send_task("trinity_celery.testing.tasks.nap", [0], queue=QUEUE).get(timeout=30) == 0
    server.demote()
    wait_for(broker, "Connection to broker lost")
    server.promote()
    assert app.send_task("trinity_celery.testing.tasks.nap", [0], queue=QUEUE).get(timeout=30) == 0
    log = broker.log("failover").read_text()
    assert "Traceback" not in log
    assert "CRITICAL" not in log


def test_connection_to_a_server_that_was_demoted_is_given_up(server: Server) -> None:
    with redis_client(CelerySettings(), server.url, single_connection_client=True) as client:
        before: Any = client.client_id()
        server.demote()
        with pytest.raises(LostConnectionError, match="takes no writes"):
            client.set("key", "value")
        server.promote()
        assert client.client_id() != before


@contextmanager
def without_replica(server: Server) -> Iterator[None]:
    """Let the server want a replica that is not there."""
    server.client().config_set("min-replicas-to-write", 1)
    yield
    server.client().config_set("min-replicas-to-write", 0)


@contextmanager
def without_disk(server: Server) -> Iterator[None]:
    """Let the server fail to write its snapshot."""
    client, snapshot = server.client(), server.folder / "dump.rdb"
    client.config_set("save", "3600 1000000")
    snapshot.mkdir()
    for status in ("err", "ok"):
        client.bgsave()
        while client.info("persistence")["rdb_last_bgsave_status"] != status:
            time.sleep(0.01)
        if status == "err":
            yield
            snapshot.rmdir()


@contextmanager
def with_a_script(server: Server) -> Iterator[None]:
    """Let the server run a script that does not end."""
    client = server.client()
    client.config_set("lua-time-limit", 1)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(server.client().eval, "while true do end", 0)
        time.sleep(0.05)
        yield
        client.script_kill()
        assert "killed" in str(running.exception())


@pytest.mark.parametrize("state", [without_replica, without_disk, with_a_script])
def test_server_that_takes_no_writes_is_tried_again(
    server: Server, state: Callable[[Server], AbstractContextManager[None]]
) -> None:
    with redis_client(CelerySettings(), server.url) as client:
        with state(server), pytest.raises(LostConnectionError, match="takes no writes"):
            client.set("key", "value")
        assert client.set("key", "value")


def test_connection_is_kept_if_only_one_command_is_refused(server: Server) -> None:
    server.fill()
    with redis_client(CelerySettings(), server.url, single_connection_client=True) as client:
        before: Any = client.client_id()
        with pytest.raises(OutOfMemoryError):
            client.set("key", "value")
        assert client.client_id() == before


def test_worker_starts_on_a_full_server_and_empties_it(
    broker: Processes, server: Server, variables: dict[str, str], worker: Callable[[], Celery]
) -> None:
    app = sender_for(variables)
    for _ in range(5):
        app.send_task("trinity_celery.testing.tasks.nap", [0], queue=QUEUE, ignore_result=True)
    server.fill()
    worker()
    assert "Traceback" not in wait_for(broker, "succeeded in", 5)
    assert "cannot be bound to exchange" in broker.log("failover").read_text()
    deadline = time.monotonic() + 10
    while server.client().exists(f"{PROJECT.name}:{QUEUE}", f"{PROJECT.name}:unacked"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_dead_letters_are_kept_and_dropped_on_a_full_server(server: Server) -> None:
    with redis_client(CelerySettings(), server.url) as client:
        letters = DeadLetters(client, PROJECT.name, 10)
        letter = dead_letter(FAILED, "error", task="task", task_id="1")
        server.fill()
        letters.keep(letter)
        assert len(letters) == 1
        assert letters.drop(letter.id)


def test_task_with_a_rate_limit_may_start_on_a_full_server(server: Server) -> None:
    server.fill()
    client: Redis = server.client()
    assert client.eval(MAY_START, 2, "limit", "turn", "1", "1000000") == 0
