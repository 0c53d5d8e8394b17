"""Through HTTP into the broker, run by a worker, and back: everything is real."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from trinity_celery.brokers.delays import settle_delay
from trinity_celery.config import CelerySettings

from devtools.stack import ROOT, Stack
from devtools.web_services import WEB_SERVICES, Example, WebService
from shared.contracts import PING_TASKS, PINGS, Ping
from shared.queues import PROJECT
from tests.conftest import sender_for

each_service = pytest.mark.parametrize("service", WEB_SERVICES, ids=lambda service: service.title)
each_example = pytest.mark.parametrize(
    ("service", "example"),
    [(service, example) for service in WEB_SERVICES for example in service.examples],
    ids=lambda value: getattr(value, "path", None) or value.title,
)


@each_service
@pytest.mark.parametrize("queue", PROJECT.queue_names())
def test_every_service_reaches_every_queue(stack: Stack, service: WebService, queue: str) -> None:
    status = stack.finished(stack.post(service, f"/queues/{queue}/ping"))
    assert (status["state"], status["result"], status["queue"]) == ("succeeded", "pong", queue)
    assert status["worker"].startswith(f"{queue}@")


@each_example
def test_worked_examples_succeed(stack: Stack, service: WebService, example: Example) -> None:
    status = stack.finished(stack.post(service, example.path, example.body))
    assert status["state"] == "succeeded", status


@each_example
def test_bad_body_is_refused_before_anything_is_sent(stack: Stack, service: WebService, example: Example) -> None:
    response = httpx.post(f"{service.address(stack.environment)}{example.path}", json={"nonsense": 1})
    assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Field required" in response.text


@each_example
@pytest.mark.parametrize("body", [b"", b"x", b'{"a', b"[]", b"\xff", b'{"text": NaN}', rb'{"text": "\ud800", "n": 1}'])
def test_body_that_is_no_json_is_the_fault_of_its_sender(
    stack: Stack, service: WebService, example: Example, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = httpx.post(f"{service.address(stack.environment)}{example.path}", content=body, headers=headers)
    assert response.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
    assert response.json()["detail"]


@each_service
@pytest.mark.parametrize(("kept", "said"), [("MINE", "started"), ("PROGRESS", "progress")])
def test_state_of_a_task_s_own_is_no_error(stack: Stack, service: WebService, kept: str, said: str) -> None:
    task_id = str(uuid4())
    sender_for(stack.environment).backend.store_result(task_id, {"current": 1, "total": 3}, kept)
    response = httpx.get(f"{service.address(stack.environment)}/tasks/{task_id}")
    assert response.json() == {**response.json(), "state": said, "progress": None, "result": None}


def test_contract_of_a_process_without_an_app_says_what_to_import() -> None:
    code = f"from shared.contracts import PINGS, Ping, PING_TASKS; PINGS['{PROJECT.queue_names()[0]}'].send(Ping())"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stderr.endswith(
        f"RuntimeError: no Celery app of this project is loaded here: import {PROJECT.services[0].celery_app} first\n"
    )


@each_service
def test_request_may_be_repeated_under_its_key_and_no_other_with_it(stack: Stack, service: WebService) -> None:
    example, key = service.examples[0], str(uuid4())

    def post(value: str = key, caller: str = "me", **changes: str) -> httpx.Response:
        url, headers = f"{service.address(stack.environment)}{example.path}", {"Authorization": caller}
        return httpx.post(url, json=example.body | changes, headers=headers | {"Idempotency-Key": value}, timeout=30)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(), range(20)))
    assert {answer.status_code for answer in answers} == {httpx.codes.ACCEPTED}
    assert len({(answer.text, answer.headers["Location"], answer.headers.get("Link")) for answer in answers}) == 1
    assert post(caller="you").json()["task_id"] != answers[0].json()["task_id"]
    another = post(**dict.fromkeys(example.body, "something else"))
    assert another.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert another.json() == {
        "detail": "Idempotency-Key: was used before, with another payload: repeat that one, or use a new key"
    }
    for invalid in ("", "x" * 201):
        assert post(invalid).status_code == httpx.codes.BAD_REQUEST
    assert post(invalid).json() == {"detail": "Idempotency-Key: must be 1 to 200 printable ASCII characters"}


@each_service
def test_unknown_task_is_not_pending(stack: Stack, service: WebService) -> None:
    response = httpx.get(f"{service.address(stack.environment)}/tasks/0123")
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.json() == {"detail": "no task 0123: it was never sent, or its result has expired"}


@each_service
def test_unknown_queue_is_named(stack: Stack, service: WebService) -> None:
    response = httpx.post(f"{service.address(stack.environment)}/queues/typo/ping")
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.json()["detail"] == f"no queue 'typo': use one of {', '.join(PROJECT.queue_names())}"


@each_service
def test_accepted_task_is_known_at_once(stack: Stack, service: WebService) -> None:
    """The answer names a place that is there, even while every worker is busy."""
    response = httpx.post(f"{service.address(stack.environment)}/queues/{PROJECT.queue_names()[0]}/ping")
    assert response.headers["Location"] == response.json()["status_url"]
    status = httpx.get(f"{service.address(stack.environment)}{response.headers['Location']}")
    assert status.status_code == httpx.codes.OK
    assert status.json()["state"] in ("queued", "started", "succeeded")


@each_service
def test_service_is_live_and_ready(stack: Stack, service: WebService) -> None:
    address = service.address(stack.environment)
    assert httpx.get(f"{address}/health/live").json() == {"status": "live"}
    assert httpx.get(f"{address}/health/ready").json() == {"status": "ready"}


@pytest.mark.parametrize("service", PROJECT.services, ids=lambda service: service.name)
def test_task_without_a_queue_goes_to_its_owner(stack: Stack, service: Any) -> None:
    sender = sender_for(stack.environment)
    result = sender.send_task(PING_TASKS[service.celery_app])
    assert result.get(timeout=30) == "pong"
    assert result.queue == service.default_queue


@pytest.fixture
def sending_here(stack: Stack) -> Any:
    """Let this process's contracts send to the stack's broker."""
    from celery import current_app

    before = current_app._get_current_object()  # type: ignore[attr-defined]
    sender = sender_for(stack.environment)
    sender.set_current()
    yield sender
    before.set_current()


def test_countdown_and_eta_delay_a_task(sending_here: Any) -> None:
    contract = PINGS[PROJECT.queue_names()[0]]
    started = time.time()
    later = [contract.send(Ping(), countdown=2), contract.send(Ping(), eta=datetime.now(UTC) + timedelta(seconds=2))]
    results = [sending_here.AsyncResult(task_id) for task_id in later]
    assert [result.get(timeout=30) for result in results] == ["pong", "pong"]
    assert all(result.date_done.replace(tzinfo=UTC).timestamp() - started >= 2 for result in results)


def test_delay_beyond_the_visibility_timeout_is_refused() -> None:
    app = sender_for({})
    app.conf.broker_transport_options = {"visibility_timeout": 3600, "lease": 0}
    limit = CelerySettings().celery_broker_visibility_timeout
    for too_far in ({"countdown": limit}, {"eta": datetime.now(UTC) + timedelta(seconds=limit + 1)}):
        with pytest.raises(ValueError, match=r"keep it below CELERY_BROKER_VISIBILITY_TIMEOUT \(3600 s\)"):
            settle_delay(app, **too_far)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="eta: has no time zone"):
        settle_delay(app, eta=datetime(2030, 1, 1))
    settle_delay(app, countdown=limit - 1)
    app.conf.broker_transport_options["lease"] = 10
    settle_delay(app, countdown=limit + 1)


@each_service
def test_rate_limit_holds(stack: Stack, service: WebService) -> None:
    sender = sender_for(stack.environment)
    name, arguments = service.limited_task
    results = [sender.send_task(name, args=arguments) for _ in range(25)]
    for result in results:
        result.get(timeout=30)
    done = sorted(result.date_done for result in results if result.date_done)
    # Ten a second: between the first and the last lie at least two seconds, less what finishing may shift.
    assert (done[-1] - done[0]).total_seconds() > 1.5
