"""What RabbitMQ does to its clients: it blocks senders, closes connections, deletes queues, and refuses rights."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from amqp.exceptions import InternalError
from celery import Celery
from kombu.exceptions import OperationalError
from trinity_celery.brokers.rabbitmq.broker import BROKER
from trinity_celery.brokers.rabbitmq.connection import count_waiting
from trinity_celery.brokers.rabbitmq.transport import FRESH
from trinity_celery.connections.timeouts import DEADLINE
from trinity_celery.errors import BrokerUnavailableError
from trinity_celery.health.readiness import check_broker
from trinity_celery.health.refusals import refuse_refusing_servers

from devtools.stack import Stack, running_stack
from shared.contracts import PINGS, Ping
from shared.queues import PROJECT
from tests.conftest import STACK_ENVIRONMENT, sender_for
from tests.test_rabbitmq import required_binary
from tests.test_tls import check_servers

QUEUE = PROJECT.queue_names()[0]
PING = PINGS[QUEUE]


@pytest.fixture(scope="module")
def broker() -> Iterator[Stack]:
    """A broker of these tests' own: to others it would have closed the connections that they keep."""
    with running_stack(extra=STACK_ENVIRONMENT, only=set()) as running:
        yield running


def control(broker: Stack, *words: str) -> None:
    """Be the operator of the node."""
    assert required_binary()
    subprocess.run([broker.directory / "rabbitmq" / "rabbitmqctl", *words], check=True, capture_output=True, timeout=60)


@contextmanager
def alarm(broker: Stack) -> Iterator[None]:
    """Let the disk be too small while the context is open."""
    control(broker, "set_disk_free_limit", "900GB")
    try:
        yield
    finally:
        control(broker, "set_disk_free_limit", "1MB")


def sent(app: Celery, seconds: float = 30) -> str:
    """Send a ping as soon as the broker takes it, and return its id."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return PING.send(Ping())
        except BrokerUnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_in_an_alarm_senders_are_told_and_workers_go_on(sender: Celery, broker: Stack) -> None:
    waiting = [sent(sender) for _ in range(3)]
    waiting.append(sender.send_task(PING.name, queue=QUEUE).id)
    time.sleep(FRESH)  # what has just been taken may be taken once more
    with alarm(broker):
        attempts: list[Callable[[], str]] = [lambda: PING.send(Ping()), lambda: asyncio.run(PING.send_async(Ping()))]
        for attempt in attempts:
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(BrokerUnavailableError, match=r"RabbitMQ has an alarm .*low on disk"):
                    attempt()
                assert time.monotonic() - began < DEADLINE
        with pytest.raises(OperationalError, match="it is low on disk"):
            sender.send_task(PING.name, queue=QUEUE)
        with pytest.raises(OperationalError, match="it is low on disk"):
            sender.control.ping(timeout=1)
        with pytest.raises(OperationalError, match="it is low on disk"):
            check_broker(sender)
        url = broker.environment["CELERY_BROKER_URL"]
        refused = check_servers(broker.environment["REDIS_URL"], CELERY_BROKER_URL=url)
        assert refused.returncode == 1
        assert "CELERY_BROKER_URL" in refused.stderr
        assert "RabbitMQ has an alarm" in refused.stderr
        broker.start("alarmed", f"trinity worker {QUEUE}")
        for task_id in waiting:
            assert sender.AsyncResult(task_id).get(timeout=60) == "pong"
        broker.stop("alarmed")
        assert "Traceback" not in broker.log("alarmed").read_text()
    sent(sender)
    check_broker(sender)
    with sender.connection_for_write() as connection:
        assert count_waiting(connection, QUEUE) == 1  # nothing of what was refused
        sender.amqp.queues[QUEUE].bind(connection).purge()


def test_operator_of_the_node_stops_nobody_for_long(
    sender: Celery, start_worker: Callable[..., Celery], broker: Stack
) -> None:
    start_worker(QUEUE, "operated")
    for commands in (["close_all_connections", "maintenance"], ["delete_queue", QUEUE], ["stop_app"], ["start_app"]):
        control(broker, *commands)
        if commands != ["stop_app"]:
            assert sender.AsyncResult(sent(sender)).get(timeout=60) == "pong"
            check_broker(sender)
    log = broker.log("operated").read_text()
    assert log.count(f"the queue {QUEUE} was deleted, and what waited in it is lost; it is declared again") == 1
    assert "Traceback" not in log


def nothing() -> None: ...


def test_queue_that_nobody_consumes_may_be_deleted(sender: Any, broker: Stack) -> None:
    task = sender.task(nothing, name="tests.known_to_the_sender", shared=False)
    sends: list[Callable[[], object]] = [
        lambda: sender.send_task(PING.name, queue=QUEUE),
        lambda: task.apply_async(queue=QUEUE),
        lambda: sent(sender),
    ]
    for send in sends:
        send()
        control(broker, "delete_queue", QUEUE)
        send()
        with sender.connection_for_write() as connection:
            assert count_waiting(connection, QUEUE) == 1
    options: dict[str, Any] = {"exchange": "amq.direct", "routing_key": "nobody", "retry_policy": {"max_retries": 1}}
    with pytest.raises(OperationalError, match="no queue gets this message"):
        sender.send_task(PING.name, **options)
    sender.send_task(PING.name, mandatory=False, **options)
    with sender.connection_for_write() as connection:
        sender.amqp.queues[QUEUE].bind(connection).purge()


@pytest.mark.usefixtures("sender")  # which gives this process its app back
@pytest.mark.parametrize(
    ("rights", "missing"),
    [(("^$", ".*", ".*"), "configure"), ((".*", "^$", ".*"), "write"), ((".*", ".*", "^$"), "read")],
)
def test_right_that_a_user_lacks_is_named(broker: Stack, rights: tuple[str, str, str], missing: str) -> None:
    name = f"cannot-{missing}"
    control(broker, "add_user", name, "Sesame")
    control(broker, "set_permissions", name, *rights)
    url = urlsplit(broker.environment["CELERY_BROKER_URL"])
    url = url._replace(netloc=f"{name}:Sesame@{url.hostname}:{url.port}")
    variables = {"redis_url": broker.environment["REDIS_URL"], "celery_broker_url": url.geturl()}
    with sender_for({name.upper(): value for name, value in variables.items()}) as app:
        app.set_current()
        with pytest.raises(SystemExit) as stopped:
            refuse_refusing_servers(app)
    [line] = str(stopped.value).splitlines()
    assert line.startswith(
        f"error: CELERY_BROKER_URL: the server at {url.hostname}:{url.port} refuses the user the right to {missing}, "
    )
    assert line.endswith("; correct the variable and start this process again")
    assert "Sesame" not in line


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Cannot declare a queue 'queue 'trinity.dead' in vhost '/'' of type 'rabbit_quorum_queue' on node "
            "'rabbit@localhost': the corresponding feature flag is disabled",
            "quorum queues, which every queue here is, until you run: rabbitmqctl enable_feature_flag quorum_queue",
        ),
        ("something else", None),
    ],
)
def test_server_that_knows_no_quorum_queues_yet_is_told_from_one_with_a_fault(said: str, told: str | None) -> None:
    """RabbitMQ 3.10 said so after a start with ``forced_feature_flags_on_init``; later ones always know them."""
    assert BROKER.refusal(InternalError(said)) == told
