"""What a contract sends to a Redis broker without Celery's producers is what they would send, and is bounded."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult
from celery.signals import after_task_publish, before_task_publish
from pydantic import BaseModel
from redis import Redis

from tests.library.harness import QUEUE, sender_for, sending_through
from tests.library.shop.contracts import PINGS, Ping
from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.brokers import find_broker
from trinity_celery.brokers.redis.publisher import close_lines
from trinity_celery.contracts import Contract
from trinity_celery.errors import PartlySentError
from trinity_celery.messages import read_status
from trinity_celery.testing.processes import Processes

pytestmark = pytest.mark.only("redis")

LIST = f"{PROJECT.name}:{QUEUE}"

BATCH = find_broker("redis://localhost").batch
# Different for each message, process or thread.
OWN = ("delivery_tag", "reply_to")


class Text(BaseModel):
    """Arguments."""

    text: str


TASK = Contract("tests.nobody", QUEUE, Text)
WITHOUT_RESULT = Contract("tests.nobody", QUEUE, Text, keeps_result=False)


@pytest.fixture
def app(broker: Processes) -> Iterator[Celery]:
    """The app of this process's contracts, which send to an empty Redis."""
    made = sender_for({"REDIS_URL": broker.environment["REDIS_URL"]})
    made.loader.override_backends = {"redis": "trinity_celery.messages.result_backend:Backend"}
    with sending_through(made):
        yield made


@pytest.fixture
def server(broker: Processes) -> Iterator[Redis]:
    with Redis.from_url(broker.environment["REDIS_URL"], decode_responses=True) as client:
        client.delete(LIST)
        yield client
        client.delete(LIST)


def nobody(text: str) -> None:
    """Do nothing, as a task."""


def take(server: Redis) -> dict[str, Any]:
    """Take the one message that waits, with its body decoded."""
    assert server.llen(LIST) == 1
    envelope: dict[str, Any] = json.loads(str(server.rpop(LIST)))
    envelope["body"] = json.loads(base64.b64decode(envelope["body"]))
    for name in OWN:
        assert envelope["properties"].pop(name)
    return envelope


def send_by_celery(app: Celery, **options: Any) -> None:
    app.send_task(TASK.name, kwargs={"text": "hello"}, task_id="1", queue=QUEUE, ignore_result=False, **options)


def send_async(contract: Contract[Any], payload: BaseModel, **options: Any) -> None:
    async def send() -> None:
        await contract.send_async(payload, **options)
        await close_lines()

    asyncio.run(send())


@pytest.mark.parametrize("send", [Contract.send, send_async])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"countdown": 0}, {}),
        ({"idempotency_key": "k"}, {"headers": {"idempotency_key": "k"}}),
    ],
)
def test_message_is_that_of_celery(
    app: Celery, server: Redis, send: Callable[..., Any], ours: Any, theirs: Any
) -> None:
    send_by_celery(app, **theirs)
    expected = take(server)
    send(TASK, Text(text="hello"), task_id="1", **ours)
    found = take(server)
    if "countdown" in ours:
        assert found["headers"].pop("eta") and not expected["headers"].pop("eta")
    assert found == expected


def test_message_of_a_task_of_this_process_has_what_its_decorator_says(app: Celery, server: Redis) -> None:
    app.task(name=TASK.name, shared=False, time_limit=7, soft_time_limit=5)(nobody)
    app.finalize()
    send_by_celery(app)
    expected = take(server)
    assert expected["headers"]["timelimit"] == [7, 5]
    TASK.send(Text(text="hello"), task_id="1")
    assert take(server) == expected


def test_task_with_unusual_options_is_left_to_celery(app: Celery, server: Redis) -> None:
    app.task(name=TASK.name, shared=False, expires=60)(nobody)
    TASK.send(Text(text="hello"), task_id="1")
    assert take(server)["headers"]["expires"]


def test_secrets_are_not_shown(app: Celery, server: Redis) -> None:
    class Secret(BaseModel):
        password: str

    Contract("tests.nobody", QUEUE, Secret).send(Secret(password="hunter2"))
    headers = take(server)["headers"]
    assert "hunter2" not in json.dumps(headers)
    assert "password" in headers["kwargsrepr"]


def test_whoever_listens_hears_of_it(app: Celery, server: Redis) -> None:
    heard = []

    def before(sender: str, headers: dict[str, Any], **_: Any) -> None:
        headers["trace"] = "abc"
        heard.append(sender)

    def after(sender: str, headers: dict[str, Any], **_: Any) -> None:
        heard.append(headers["trace"])

    before_task_publish.connect(before)
    after_task_publish.connect(after)
    try:
        TASK.send(Text(text="hello"))
    finally:
        before_task_publish.disconnect(before)
        after_task_publish.disconnect(after)
    assert heard == [TASK.name, "abc"]
    assert take(server)["headers"]["trace"] == "abc"


def test_status_is_noted_with_the_message_and_never_over_a_later_one(app: Celery, server: Redis) -> None:
    task_id = TASK.send(Text(text="hello"))
    status = read_status(task_id)
    assert status and status.state == "queued"
    app.backend.store_result(task_id, "done", "SUCCESS")
    TASK.send(Text(text="hello"), task_id=task_id)
    status = read_status(task_id)
    assert status and status.state == "succeeded"
    assert read_status(WITHOUT_RESULT.send(Text(text="hello"))) is None


def test_nothing_subscribes_to_a_result_that_nobody_waits_for(app: Celery, server: Redis) -> None:
    server.config_resetstat()
    TASK.send(Text(text="hello"))
    send_by_celery(app)
    assert "cmdstat_subscribe" not in server.info("commandstats")


def test_connections_that_were_closed_are_replaced(app: Celery, server: Redis) -> None:
    async def send() -> None:
        await TASK.send_async(Text(text="1"))
        kill_connections(server)
        await TASK.send_async(Text(text="2"))
        await close_lines()

    TASK.send(Text(text="3"))
    asyncio.run(send())
    kill_connections(server)
    TASK.send(Text(text="4"))
    assert server.llen(LIST) == 4


def test_many_senders_of_one_event_loop_share_a_connection(app: Celery, server: Redis) -> None:
    async def send() -> tuple[list[str], int]:
        before = len(connections(server))
        ids = await asyncio.gather(*(TASK.send_async(Text(text=str(number))) for number in range(100)))
        more = len(connections(server)) - before
        await close_lines()
        return ids, more

    ids, more = asyncio.run(send())
    assert more == 1
    assert sorted(waiting(server)) == sorted(ids)


def connections(server: Redis) -> list[str]:
    clients: Any = server.client_list()
    return [client["id"] for client in clients if client["name"] == f"{PROJECT.name}-publisher"]


def kill_connections(server: Redis) -> None:
    for identifier in connections(server):
        server.client_kill_filter(_id=identifier)


def waiting(server: Redis) -> list[str]:
    """Return the ids of the tasks that wait, the next one first."""
    elements: Any = server.lrange(LIST, 0, -1)
    return [json.loads(element)["headers"]["id"] for element in reversed(elements)]


FORK = """
import os
from importlib import import_module
import_module({app!r})
from pydantic import BaseModel
from trinity_celery.contracts import Contract
class Nothing(BaseModel):
    pass
contract = Contract("tests.nobody", {queue!r}, Nothing)
contract.send(Nothing())
child = os.fork()
for _ in range(50):
    contract.send(Nothing())
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_process_that_was_forked_has_connections_of_its_own(broker: Processes, server: Redis) -> None:
    script = FORK.format(app=PROJECT.services[0].celery_app, queue=QUEUE)
    environment = {**broker.environment, "CELERY_BROKER_URL": broker.environment["REDIS_URL"]}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, timeout=60)
    assert len(set(waiting(server))) == 101


@pytest.mark.parametrize("size", [0, 1, 2 * BATCH + 1])
def test_many_tasks_are_sent_in_their_order(app: Celery, server: Redis, size: int) -> None:
    payloads = [Text(text=str(number)) for number in range(size)]
    ids = TASK.send_many(payloads)
    assert waiting(server) == ids

    async def send() -> list[str]:
        ids = await TASK.send_many_async(payloads)
        await close_lines()
        return ids

    server.delete(LIST)
    ids = asyncio.run(send())
    assert waiting(server) == ids


def test_error_tells_how_many_of_many_tasks_were_sent(app: Celery, server: Redis) -> None:
    sent = []

    def break_queue(**_: Any) -> None:
        sent.append(1)
        if len(sent) == BATCH + 1:
            server.rename(LIST, f"{LIST}.kept")
            server.set(LIST, "no list")

    before_task_publish.connect(break_queue)
    try:
        with pytest.raises(PartlySentError, match=f"{BATCH} of {BATCH + 10} tasks were sent: WRONGTYPE") as raised:
            TASK.send_many(Text(text="hello") for _ in range(BATCH + 10))
    finally:
        before_task_publish.disconnect(break_queue)
    server.rename(f"{LIST}.kept", LIST)
    assert waiting(server) == raised.value.task_ids


def test_worker_with_the_transport_of_kombu_runs_it(start_worker: Callable[..., Celery], app: Celery) -> None:
    url = app.conf.broker_url
    start_worker(
        QUEUE, "plain", "--include trinity_celery.testing.tasks", CELERY_BROKER_LEASE="0", CELERY_BROKER_URL=url
    )
    for task_id in PINGS[QUEUE].send_many([Ping(), Ping()]):
        assert AsyncResult(task_id, app=app).get(timeout=60)
