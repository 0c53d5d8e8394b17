"""Messages in Redis are leased: whoever takes one and dies gives it back, whoever lives keeps it."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import product
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, Consumer, Message, Queue
from kombu.exceptions import OperationalError

from tests.library.harness import QUEUE, sender_for
from tests.library.shop.queues import PROJECT
from tests.library.tasks.claiming import connect
from tests.matrix import ROOT
from trinity_celery.brokers.redis import leases
from trinity_celery.brokers.redis import transport as redis_transport
from trinity_celery.brokers.redis.broker import BROKER
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.connections import redis_client
from trinity_celery.testing.outages import RedisServer
from trinity_celery.testing.processes import Processes

pytestmark = pytest.mark.only("redis")

PREFIX = "test:"
LEASE = 2.0
OPTIONS: dict[str, Any] = {"global_keyprefix": PREFIX, "lease": LEASE, "delivery_limit": 3, "socket_timeout": 5}
PLAIN = {**OPTIONS, "lease": 0, "visibility_timeout": 2, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}

# As long as no lease may be, however slow this machine is.
LONG = 3 * LEASE


class Server(RedisServer):
    """A server that can be taken away."""

    def send(self, *bodies: Any, queue: str = "q", options: dict[str, Any] = PLAIN, **properties: Any) -> None:
        with connect(self.url, options) as connection:
            for body in bodies:
                producer = connection.Producer(serializer="json")
                producer.publish(body, routing_key=queue, exchange="", **properties)

    def keys(self) -> set[str]:
        return {key.decode().removeprefix(PREFIX) for key in self.client().scan_iter() if b"_kombu" not in key}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server
    leases._leases.clear()


class Taker:
    """Consumes in this process and keeps what it gets."""

    def __init__(self, connection: Connection, queues: list[str]) -> None:
        self.messages: list[Message] = []
        self.connection = connection
        self.channel: Any = connection.channel()
        self.consumer = Consumer(self.channel, [Queue(name) for name in queues], accept=["json"])
        self.consumer.register_callback(lambda _, message: self.messages.append(message))
        self.consumer.qos(prefetch_count=1)
        self.consumer.consume()

    def bodies(self) -> list[Any]:
        return [message.payload for message in self.messages]

    def redelivered(self) -> list[bool]:
        return [bool(message.delivery_info.get("redelivered")) for message in self.messages]

    def poll(self, seconds: float) -> None:
        with suppress(TimeoutError, Empty):
            self.connection.drain_events(timeout=seconds)

    def take(self, count: int, patience: float = 60, ack: bool = True) -> list[Any]:
        """Wait for ``count`` more messages and return their bodies."""
        taken: list[Any] = []
        deadline = time.monotonic() + patience
        while len(taken) < count and time.monotonic() < deadline:
            before = len(self.messages)
            self.poll(0.1)
            for message in self.messages[before:]:
                taken.append(message.payload)
                if ack:
                    message.ack()
        return taken


@pytest.fixture
def taker(server: Server) -> Iterator[Callable[..., Taker]]:
    with ExitStack() as stack:

        def start(*queues: str, **options: Any) -> Taker:
            return Taker(stack.enter_context(connect(server.url, OPTIONS | options)), list(queues or ("q",)))

        yield start


@contextmanager
def another_process(server: Server, queue: str = "q", **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Let another process consume; it is killed in the end."""
    command = [sys.executable, "-m", "tests.library.tasks.claiming", server.url, queue, json.dumps(OPTIONS | options)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("how", ["mute", "read"])
def test_message_of_a_killed_process_comes_back(server: Server, taker: Callable[..., Taker], how: str) -> None:
    """Whether it had read the message, or died between taking it and reading it."""
    server.send("one")
    with another_process(server, mute=how == "mute") as process:
        assert line_of(process) == ("claimed" if how == "mute" else "one")
    survivor = taker()
    assert survivor.take(1) == ["one"]
    assert survivor.redelivered() == [True]
    assert server.keys() == set()


def test_message_is_kept_for_as_long_as_its_process_lives(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one")
    with another_process(server) as process:
        assert line_of(process) == "one"
        assert taker().take(1, patience=LONG) == []


def test_outage_longer_than_the_lease_takes_no_message_from_the_living(
    server: Server, taker: Callable[..., Taker]
) -> None:
    server.send("one", "two")
    holder = taker()
    assert holder.take(1, ack=False) == ["one"]
    server.stop()
    time.sleep(LONG)
    server.start()
    # Another process gets the other message, and never the one that is still held here.
    with another_process(server) as process:
        assert line_of(process) == "two"
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            assert server.client().llen(f"{PREFIX}q") == 0
            time.sleep(0.1)
    holder.messages[0].ack()
    assert server.client().hlen(f"{PREFIX}unacked") == 1  # the other process's


def test_acknowledgement_during_an_outage_is_made_good(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one")
    holder = taker()
    assert holder.take(1, ack=False) == ["one"]
    server.stop()
    holder.messages[0].ack()
    server.start()
    deadline = time.monotonic() + 60
    while server.client().hlen(f"{PREFIX}unacked"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert server.client().llen(f"{PREFIX}q") == 0


def test_message_that_takes_down_its_workers_is_set_aside(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("poison")
    for _ in range(OPTIONS["delivery_limit"]):
        with another_process(server) as process:
            assert line_of(process) == "poison"
    assert taker().take(1, patience=LONG) == []
    header, _, message = server.client().lpop(f"{PREFIX}unclaimed").partition(b"\n")
    described = json.loads(header)
    assert described.pop("at") == pytest.approx(time.time(), abs=60)
    assert described == {"reason": "crash limit", "queue": "q", "deliveries": 3}
    assert json.loads(message)["properties"]["delivery_info"]["routing_key"] == "q"
    assert server.keys() == set()


GARBAGE = [
    b"\x00\xff garbage",
    b'{"half": ',
    b"[1, 2]",
    b'{"headers": {}, "properties": {}, "body": ""}',
    b'{"headers": {}, "properties": {"delivery_tag": "a"}, "body": "\xff"}',
    b'{"headers": {}, "properties": {"delivery_tag": "b", "body_encoding": "base64"}, "body": "abcde"}',
]


def test_message_that_is_given_back_again_and_again_is_not_set_aside(
    server: Server, taker: Callable[..., Taker]
) -> None:
    server.send("one")
    holder = taker()
    for _ in range(2 * OPTIONS["delivery_limit"]):
        assert holder.take(1, ack=False) == ["one"]
        tag = holder.messages[-1].delivery_tag
        # By whoever stops a worker, and once more by whoever closes its channel.
        holder.channel.leases.give_back_all_but(set())
        holder.channel.leases.give_back([tag])
        holder.channel.qos._delivered.clear()
    assert holder.take(1) == ["one"]
    assert holder.redelivered() == [False, *[True] * 2 * OPTIONS["delivery_limit"]]
    assert server.keys() == set()


def test_garbage_is_set_aside_and_the_next_message_delivered(server: Server, taker: Callable[..., Taker]) -> None:
    for garbage in GARBAGE:
        server.client().lpush(f"{PREFIX}q", garbage)
    server.send("good")
    assert taker().take(1) == ["good"]
    found = [entry.partition(b"\n") for entry in server.client().lrange(f"{PREFIX}unclaimed", 0, -1)]
    assert [message for _, _, message in reversed(found)] == GARBAGE
    assert {json.loads(header)["reason"] for header, _, _ in found} == {"garbage"}
    assert server.keys() == {"unclaimed"}


def nothing() -> None: ...


def test_message_that_no_queue_gets_is_refused(server: Server) -> None:
    app: Any = sender_for({"REDIS_URL": server.url})
    task = app.task(nothing, name="nothing", shared=False)
    place: dict[str, Any] = {"exchange": "elsewhere", "routing_key": "nowhere"}
    with pytest.raises(OperationalError, match="no queue gets this message"):
        app.send_task("nothing", **place)
    with pytest.raises(OperationalError, match="no queue gets this message"):
        task.apply_async(**place)
    app.send_task("nothing", **place, mandatory=False)
    assert server.keys() == set()


def test_server_without_free_memory_can_be_emptied(server: Server, taker: Callable[..., Taker]) -> None:
    server.send(*("x" * 100_000 for _ in range(50)))
    used = server.client().info("memory")["used_memory"]
    server.client().config_set("maxmemory", used - 1_000_000)
    assert len(taker().take(50)) == 50
    assert server.client().llen(f"{PREFIX}q") == 0


def test_lease_is_renewed_on_a_server_without_free_memory(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", *("x" * 100_000 for _ in range(20)))
    with another_process(server) as process:
        assert line_of(process) == "one"
        server.client().config_set("maxmemory", 100_000)
        time.sleep(LONG)
        server.client().config_set("maxmemory", 0)
        assert "one" not in taker().take(20)


def test_closing_gives_messages_back_in_their_order(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", "two", "three")
    first = taker(lease=60.0)
    first.consumer.qos(prefetch_count=2)
    assert first.take(2, ack=False) == ["one", "two"]
    assert server.keys() >= {"leases", "unacked"}
    first.connection.close()
    assert server.keys() == {"q", "deliveries"}
    second = taker(lease=60.0)
    assert second.take(3) == ["one", "two", "three"]
    assert second.redelivered() == [True, True, False]
    assert server.keys() == set()


def test_giving_back_forgets_first_what_was_done(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("done")
    one = taker()
    one.take(1, ack=False)
    held = one.channel.leases
    held.turn(claiming=True)  # as in a worker's loop, which lets acknowledgements wait for the next claim
    [message] = one.messages
    message.ack()
    held.give_back_all_but(set())
    assert server.keys() == set()


def test_rejected_message_goes_to_the_end_of_its_queue(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", "two")
    holder = taker()
    assert holder.take(1, ack=False) == ["one"]
    holder.messages[0].reject(requeue=True)
    assert holder.take(2) == ["two", "one"]
    assert holder.redelivered() == [False, False, True]
    server.send("three")
    assert holder.take(1, ack=False) == ["three"]
    holder.messages[-1].reject(requeue=False)
    assert server.keys() == set()


def test_no_queue_and_no_priority_starves(server: Server, taker: Callable[..., Taker]) -> None:
    server.send(*(["busy"] * 20), queue="a")
    server.send("urgent", queue="a", priority=0)
    server.send("late", queue="a", priority=9)
    server.send("other", queue="b")
    taken = taker("a", "b").take(23)
    assert sorted(set(taken)) == ["busy", "late", "other", "urgent"]
    assert taken.index("other") < 3
    assert taken[-1] == "late"


def test_message_of_every_priority_comes_at_once_to_an_idle_worker(
    server: Server, taker: Callable[..., Taker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_transport.Transport, "brpop_timeout", 600)  # seconds: nobody looks by chance
    idle = taker("a", "b")
    for queue, priority in product("ab", idle.channel.priority_steps):
        while any(source.sent != "wait" for source in idle.channel.sources.values()):
            idle.poll(0.1)
        server.send(f"{queue}{priority}", queue=queue, priority=priority)
        assert idle.take(1, patience=20) == [f"{queue}{priority}"]


def test_loop_without_room_is_woken_by_the_thread_that_makes_some(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", "two")
    holder = taker()
    assert holder.take(1, ack=False) == ["one"]
    threading.Timer(0.5, holder.messages[0].ack).start()
    began = time.monotonic()
    while len(holder.messages) < 2 and time.monotonic() - began < 20:
        holder.poll(20)
    assert holder.bodies() == ["one", "two"]


def test_server_that_forgets_the_scripts_gets_them_again(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", "two")
    holder = taker()
    assert holder.take(1, ack=False) == ["one"]
    server.client().script_flush()
    holder.messages[0].ack()
    assert holder.take(1) == ["two"]
    assert server.keys() == set()


def test_one_claim_brings_several_messages_garbage_among_them(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", "two")
    server.client().lpush(f"{PREFIX}q", *GARBAGE)
    server.send("three", "four")
    holder = taker()
    holder.consumer.qos(prefetch_count=3)
    assert holder.take(3, ack=False) == ["one", "two", "three"]
    assert holder.take(1, patience=1) == []
    holder.messages[0].ack()
    assert holder.take(1) == ["four"]
    assert server.client().llen(f"{PREFIX}unclaimed") == len(GARBAGE)


def test_more_is_held_only_while_messages_are_done_quickly(
    server: Server, taker: Callable[..., Taker], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    qos = taker().channel.qos
    qos.prefetch_count = 2
    monkeypatch.setattr(redis_transport, "monotonic", lambda: now)

    def room_after(done: int) -> int:
        nonlocal now
        qos._note_done(done)
        now += redis_transport.SPAN * 1.1
        return int(qos.room())

    assert [room_after(done) for done in (0, 0, 1, 5, 100, 0)] == [2, 2, 2, 5, 8, 2]


def test_worker_may_take_from_many_queues(server: Server, taker: Callable[..., Taker]) -> None:
    names = [f"q{number}" for number in range(30)]
    options = BROKER.configuration(load_runtime(PROJECT), "worker")["broker_transport_options"]
    for name in names:
        server.send(name, queue=name)
    assert sorted(taker(*names, max_connections=options["max_connections"]).take(len(names))) == sorted(names)


# Both ways: Celery without this transport may send to, and take from, the same queues.
def test_plain_kombu_takes_what_this_transport_sends(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one", options=OPTIONS)
    assert taker(**PLAIN).take(1) == ["one"]


def test_message_of_a_killed_plain_process_comes_back_after_the_visibility_timeout(
    server: Server, taker: Callable[..., Taker]
) -> None:
    server.send("one")
    with another_process(server, **PLAIN) as process:
        assert line_of(process) == "one"
    assert taker(visibility_timeout=2, unacked_restore_throttle=1).take(1) == ["one"]


def test_leased_message_comes_back_without_leases(server: Server, taker: Callable[..., Taker]) -> None:
    """Whoever switches leases off gets the messages of their last day back as well."""
    server.send("one")
    with another_process(server) as process:
        assert line_of(process) == "one"
    assert taker(**PLAIN).take(1) == ["one"]


def test_plain_process_does_not_take_what_is_leased(server: Server, taker: Callable[..., Taker]) -> None:
    server.send("one")
    with another_process(server) as process:
        assert line_of(process) == "one"
        assert taker(**PLAIN).take(1, patience=LONG) == []


@pytest.fixture
def leased_worker(broker: Processes, start_worker: Callable[..., Celery]) -> Callable[..., Celery]:
    """Return a function that starts a worker of the first queue on Redis with a short lease."""

    def start(options: str = "", **environment: str) -> Celery:
        url = broker.environment["REDIS_URL"]
        return start_worker(
            QUEUE,
            "leased",
            f"--include trinity_celery.testing.tasks {options}",
            CELERY_BROKER_URL=url,
            CELERY_BROKER_LEASE="2",
            **environment,
        )

    return start


# The main process is free to work with the first, and busy with the task with the second.
@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_task_may_run_for_longer_than_its_lease(
    leased_worker: Callable[..., Celery], broker: Processes, pool: str
) -> None:
    app = leased_worker(CELERY_WORKER_POOL=pool)
    result = app.send_task("trinity_celery.testing.tasks.nap", [LONG], queue=QUEUE, ignore_result=False)
    assert result.get(timeout=120) == LONG
    log = broker.log("leased").read_text()
    assert log.count(f"nap[{result.id}] received") == 1, log


def test_early_acknowledgement_does_not_wait_for_the_loop(
    leased_worker: Callable[..., Celery], broker: Processes
) -> None:
    app = leased_worker(CELERY_WORKER_POOL="solo")
    result = app.send_task("trinity_celery.testing.tasks.early_nap", [1], queue=QUEUE, ignore_result=False)
    while app.AsyncResult(result.id).state != "STARTED":
        time.sleep(0.01)
    with redis_client(CelerySettings(), broker.environment["REDIS_URL"]) as client:
        assert [message for message in client.hvals(f"{PROJECT.name}:unacked") if result.id in message] == []
    assert result.get(timeout=30) == 1


def test_children_may_come_and_go_while_leases_are_renewed(leased_worker: Callable[..., Celery]) -> None:
    app = leased_worker("--max-tasks-per-child 1 --concurrency 2")
    results = [
        app.send_task("trinity_celery.testing.tasks.nap", [0], queue=QUEUE, ignore_result=False) for _ in range(20)
    ]
    assert [result.get(timeout=120) for result in results] == [0] * 20


def test_process_that_stood_still_leaves_its_tasks_to_others(
    leased_worker: Callable[..., Celery], broker: Processes, start_worker: Callable[..., Celery]
) -> None:
    app = leased_worker("--concurrency 1")
    result = app.send_task("trinity_celery.testing.tasks.nap", [3], queue=QUEUE, ignore_result=False)
    while app.AsyncResult(result.id).state != "STARTED":
        time.sleep(0.05)
    broker.send_group_signal("leased", signal.SIGSTOP)
    try:
        other = {"CELERY_BROKER_URL": broker.environment["REDIS_URL"], "CELERY_BROKER_LEASE": "2"}
        start_worker(QUEUE, "other", "--include trinity_celery.testing.tasks", **other)
        assert result.get(timeout=120) == 3
    finally:
        broker.send_group_signal("leased", signal.SIGCONT)
    assert f"nap[{result.id}] received" in broker.log("other").read_text()
