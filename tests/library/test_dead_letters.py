"""What fails for good is kept, can be looked at and sent again; and nothing that is in a queue stops a worker."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from billiard.exceptions import WorkerLostError
from celery import Celery
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.library.harness import QUEUE, WORKER, letters_of, sender_for, wait_for_letter, wait_for_success
from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.config import load_runtime
from trinity_celery.dead_letters import DeadLetter, DeadLetters, LetterFilter, Replay
from trinity_celery.dead_letters import store as dead_letters
from trinity_celery.dead_letters.letters import queue_of_key
from trinity_celery.dead_letters.recorder import reason_for
from trinity_celery.dead_letters.store import dead_letter, keep_or_log
from trinity_celery.errors import BrokerUnavailableError, KeyReusedError, NotReplayableError
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.processes import Processes

FAIL = "trinity_celery.testing.tasks.fail"
FAILING_WORKER = f"{WORKER} --include trinity_celery.testing.tasks"


@pytest.fixture
def letters(broker: Processes) -> Iterator[DeadLetters]:
    """An empty store."""
    found = letters_of(broker)
    found.client.delete(f"{PROJECT.name}:unclaimed", *found.client.keys(f"{found.name}*"))
    yield found
    found.client.close()


@pytest.fixture
def office(letters: DeadLetters, broker: Processes) -> Replay:
    """The store, and an app that sends to the broker."""
    return Replay(letters, sender_for(broker.environment))


@pytest.fixture(scope="module")
def worker(broker: Processes) -> Iterator[Path]:
    """A worker that knows the task of ``trinity_celery.testing.tasks``; its log."""
    broker.start("letters", f"{FAILING_WORKER} --hostname letters@%h")
    yield broker.log("letters")
    broker.stop("letters")


@pytest.fixture
def cause(tmp_path: Path) -> Path:
    """The file that lets the task fail."""
    file = tmp_path / "cause"
    file.touch()
    return file


def send_failing(office: Replay, cause: Path, how: str, **arguments: Any) -> Any:
    limits: dict[str, Any] = {"soft_time_limit": 1, "time_limit": 2} if how == "slow" else {}
    return office.app.send_task(FAIL, [str(cause)], {"how": how, **arguments}, queue=QUEUE, **limits)


def publish(app: Celery, body: bytes, **properties: Any) -> None:
    """Send a message of any kind."""
    queue = next(queue for queue in app.conf.task_queues if queue.name == QUEUE)
    with app.producer_pool.acquire(block=True) as producer:
        producer.publish(body, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue], **properties)


def assert_still_works(office: Replay) -> None:
    """Let the worker run a task."""
    assert office.app.send_task(FAIL, ["/nowhere"], queue=QUEUE).get(timeout=60) == "attempt 0"


@pytest.mark.parametrize(
    ("how", "reason", "error", "retries"),
    [
        ("error", "failed", "ValueError: no luck with password=", 0),
        ("retries", "failed", "ValueError: no luck with password=", 1),
        ("payload", "payload", "ValidationError: 1 validation error", 0),
        ("reject", "rejected", "Reject: ('never mind', False)", 0),
        ("slow", "time limit", "TimeLimitExceeded: TimeLimitExceeded(2,)", 0),
        ("kill", "crash limit", "WorkerLostError: ", 1),
        ("memory", "failed", "MemoryError: ", 0),
    ],
)
def test_failed_task_is_kept_and_sent_again(
    office: Replay, worker: Path, cause: Path, how: str, reason: str, error: str, retries: int
) -> None:
    result = send_failing(office, cause, how)
    # Tasks that other tests have left in the queue may become letters, too.
    letter = wait_for_letter(office, worker, task=FAIL)
    assert (letter.task, letter.task_id, letter.queue, letter.reason) == (FAIL, result.id, QUEUE, reason)
    assert letter.error.startswith(error)
    assert (letter.arguments, letter.keywords, letter.retries) == ([str(cause)], {"how": how}, retries)
    assert error.split(":", maxsplit=1)[0] in letter.traceback
    assert letter.worker.startswith("letters@")
    assert letter.failed_at > datetime.now(UTC) - timedelta(minutes=2)
    cause.unlink()
    assert office.replay(letter) == result.id
    assert list(office.find(LetterFilter(task=FAIL))) == []
    assert wait_for_success(result, worker) == "attempt 0"
    assert_still_works(office)


def test_task_that_fails_again_is_one_letter(office: Replay, worker: Path, cause: Path) -> None:
    send_failing(office, cause, "error")
    first = wait_for_letter(office, worker)
    office.replay(first)
    again = wait_for_letter(office, worker)
    assert again.id == first.id
    assert again.failed_at > first.failed_at
    # Who read the first one can no longer remove it.
    assert not office.letters.remove(first)
    assert office.letters.remove(again)


def test_chain_goes_on_when_its_failed_task_is_sent_again(office: Replay, worker: Path, cause: Path) -> None:
    task = office.app.signature(FAIL, args=[str(cause)], queue=QUEUE)
    last = office.app.signature(FAIL, args=["/nowhere"], queue=QUEUE, immutable=True)
    result = (task | last).apply_async()
    letter = wait_for_letter(office, worker)
    cause.unlink()
    office.replay(letter)
    assert wait_for_success(result, worker) == "attempt 0"


MESSAGES = [
    (b"{oops", "application/json", {"task": FAIL, "id": "1"}, "undecodable"),
    (b"\x80\x04N.", "application/x-python-serialize", {"task": FAIL, "id": "1"}, "undecodable"),
    (b"\xff\xfe", "application/json", {"task": FAIL, "id": "1"}, "undecodable"),
    (b"plain", "text/plain", {}, "undecodable"),
    (b"5", "application/json", {"task": FAIL, "id": "1"}, "undecodable"),
    (b"[1, 2, 3]", "application/json", {"task": FAIL, "id": "1"}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": ["unhashable"], "id": "1"}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "timelimit": "never"}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "eta": "tomorrow"}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "eta": ""}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "stamped_headers": 1}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "shadow": ["unhashable"]}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "as_execution_options": "x"}, "undecodable"),
    (b'[[], {}, {"errbacks": 5}]', "application/json", {"task": FAIL, "id": "1"}, "undecodable"),
    (b"[[], {}, {}]", "application/json", {"task": FAIL, "id": "1", "compression": "unheard of"}, "undecodable"),
    (b'{"task": "old", "id": "1", "args": 5}', "application/json", {}, "undecodable"),
    (b'{"task": "old", "args": []}', "application/json", {}, "undecodable"),
    (b'{"task": "old", "id": "1", "update": 1}', "application/json", {}, "undecodable"),
    (b'{"kwargs": {}}', "application/json", {"task": FAIL, "id": "1"}, "undecodable"),
    (b'{"task": "no.such.task", "id": "1", "args": ["a"], "kwargs": {"b": 1}}', "application/json", {}, "unknown task"),
    (b'[["a"], {"b": 1}, {}]', "application/json", {"task": "no.such.task", "id": "1"}, "unknown task"),
]


@pytest.mark.parametrize(("body", "content_type", "headers", "reason"), MESSAGES)
def test_message_that_is_no_task_is_set_aside(
    office: Replay, worker: Path, body: bytes, content_type: str, headers: dict[str, Any], reason: str
) -> None:
    encoding = "binary" if b"\x80" in body else "utf-8"
    publish(office.app, body, content_type=content_type, content_encoding=encoding, headers=headers)
    letter = wait_for_letter(office, worker)
    assert (letter.queue, letter.reason) == (QUEUE, reason)
    assert_still_works(office)
    if reason == "unknown task":
        assert letter.error.endswith("knows no task 'no.such.task'")
        assert (letter.task, letter.arguments, letter.keywords) == ("no.such.task", ["a"], {"b": 1})
        assert office.app.AsyncResult("1").state == "FAILURE"
    else:
        assert letter.raw or letter.arguments is None
        with pytest.raises(NotReplayableError, match="its task, queue or arguments are not known"):
            office.replay(letter)


def test_message_of_the_first_protocol_runs_as_any_other(
    office: Replay, worker: Path, cause: Path, broker: Processes
) -> None:
    sender = sender_for(broker.environment)
    sender.conf.task_protocol = 1
    assert sender.send_task(FAIL, ["/nowhere"], queue=QUEUE, countdown=0.1, expires=60).get(timeout=60) == "attempt 0"
    result = sender.send_task(FAIL, [str(cause)], {"password": "sesame"}, queue=QUEUE)
    letter = wait_for_letter(office, worker, task=FAIL)
    assert (letter.task_id, letter.arguments, letter.keywords) == (result.id, [str(cause)], {"password": "sesame"})
    cause.unlink()
    office.replay(letter)
    assert wait_for_success(result, worker) == "attempt 0"
    assert "sesame" not in worker.read_text()
    sender.close()


def test_message_whose_letter_cannot_be_kept_is_not_lost(office: Replay, worker: Path, broker: Processes) -> None:
    broker.stop("letters")
    url = broker.environment.get("CELERY_BROKER_URL") or broker.environment["REDIS_URL"]
    away = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "CELERY_BROKER_URL": url}
    log = broker.log("storeless")
    try:
        broker.start("storeless", f"{FAILING_WORKER} --hostname storeless@%h", away)
        task_id = office.app.send_task("no.such.task", ["a"], queue=QUEUE).id
        deadline = time.monotonic() + 60
        while not (log.exists() and "dead letter that could not be kept" in log.read_text()):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    finally:
        broker.stop("storeless")
        broker.start("letters", f"{FAILING_WORKER} --hostname letters@%h")
    letter = wait_for_letter(office, worker)
    assert (letter.task_id, letter.arguments, letter.queue) == (task_id, ["a"], QUEUE)


GARBAGE = [
    b"\x00\xff\xfe garbage",
    b"{}",
    b"[]",
    b"5",
    b'"text"',
    b"null",
    b'{"body": "", "properties": {}, "headers": {}}',
    b'{"body": 7, "properties": {"delivery_tag": "x"}, "headers": {}}',
    b'{"body": "!", "properties": {"delivery_tag": "y", "body_encoding": "base64"}, "headers": []}',
    b"{" * 100_000,
]


def test_garbage_in_a_redis_list_is_set_aside(letters: DeadLetters, broker: Processes) -> None:
    url = broker.environment["REDIS_URL"]
    office = Replay(letters, sender_for({"REDIS_URL": url}))
    broker.start("garbage", f"{FAILING_WORKER} --hostname garbage@%h", {"CELERY_BROKER_URL": url})
    try:
        for item in GARBAGE:
            letters.client.lpush(f"{PROJECT.name}:{QUEUE}", item)
        assert_still_works(office)
        office.collect()
        found = list(office.find())
        assert len(found) == len(GARBAGE)
        assert not any(letter.is_replayable for letter in found)
        assert any("\\xff\\xfe garbage" in letter.raw for letter in found)
        broker.check()
    finally:
        broker.stop("garbage")


def test_task_that_the_broker_has_put_aside_gets_a_state(letters: DeadLetters, broker: Processes) -> None:
    """And nobody has to look at dead letters for that."""
    # Where no other worker takes the message.
    url = urlsplit(broker.environment["REDIS_URL"])._replace(path="/1").geturl()
    sender = sender_for({**broker.environment, "CELERY_BROKER_URL": url})
    task = sender.signature(FAIL, args=["/nowhere"], queue=QUEUE, immutable=True)
    result: Any = (task | task.clone()).apply_async()
    about = {"reason": "crash limit", "queue": QUEUE, "deliveries": 5}
    with Redis.from_url(url, decode_responses=True) as client:
        raw: Any = client.rpop(f"{PROJECT.name}:{QUEUE}")
        client.lpush(f"{PROJECT.name}:unclaimed", f"{json.dumps(about)}\n{raw}")
    broker.start("collector", f"{FAILING_WORKER} --hostname collector@%h", {"CELERY_BROKER_URL": url})
    try:
        for each in (result.parent, result):
            with pytest.raises(WorkerLostError, match="its worker ended 5 times"):
                each.get(timeout=60)
    finally:
        broker.stop("collector")
    assert [letter.task_id for letter in letters.find()] == [result.parent.id]
    sender.close()


def test_what_a_broker_has_set_aside_can_be_sent_again(letters: DeadLetters, broker: Processes) -> None:
    # Where no worker takes the message.
    url = urlsplit(broker.environment["REDIS_URL"])._replace(path="/1").geturl()
    sender = sender_for({"REDIS_URL": url})
    result = sender.send_task(FAIL, ["/nowhere"], queue=QUEUE)
    about = {"reason": "crash limit", "queue": QUEUE, "at": 1_000_000_000.5, "deliveries": 5}
    with Redis.from_url(url, decode_responses=True) as client:
        raw: Any = client.rpop(f"{PROJECT.name}:{QUEUE}")
        client.lpush(f"{PROJECT.name}:unclaimed", f"{json.dumps(about)}\n{raw}", b"no json at all")
        Replay(letters, sender).collect()
        assert client.llen(f"{PROJECT.name}:unclaimed") == 0
    garbage, letter = letters.find()
    assert (garbage.reason, garbage.raw) == ("garbage", "no json at all")
    assert (letter.task, letter.task_id, letter.reason) == (FAIL, result.id, "crash limit")
    assert letter.failed_at == datetime.fromtimestamp(1_000_000_000.5, UTC)
    assert letter.error == "its worker ended 5 times"
    assert (letter.arguments, letter.is_replayable) == (["/nowhere"], True)


def letter(task: str = "a.task", **fields: Any) -> DeadLetter:
    return dead_letter(
        fields.pop("reason", "failed"),
        fields.pop("error", "ValueError: no"),
        **{"task": task, "task_id": str(uuid4()), "queue": QUEUE, "arguments": [], "keywords": {}, **fields},
    )


def test_letter_comes_back_as_it_was(letters: DeadLetters) -> None:
    arguments = [Decimal("1.10"), uuid4(), datetime.now(UTC), "ü😀\ud800", 1.5, None, {"a": [1]}]
    one = letter(arguments=arguments, traceback="T", retries=3, worker="w@host", options={"root_id": "r"})
    letters.keep(one)
    letters.keep(one)
    assert list(letters.find()) == [one]
    assert letters.read(one.id) == one
    assert letters.remove(letters.read(one.id))
    assert len(letters) == 0


def test_letter_names_the_queue_of_a_task_that_was_delayed() -> None:
    # Where the broker itself delays tasks, the way that they took stands before the queue's name.
    runtime = load_runtime(PROJECT)
    assert queue_of_key(runtime, f"0.1.0.{QUEUE}") == QUEUE
    assert [queue_of_key(runtime, name) for name in ("gone", None)] == ["gone", None]


def test_letters_are_found_by_task_queue_and_reason(letters: DeadLetters) -> None:
    one, two = letter("one"), letter("two", reason="payload", queue="other")
    three = letter("two", failed_at=datetime.now(UTC) + timedelta(minutes=1))
    for each in (one, two, three):
        letters.keep(each)
    assert list(letters.find()) == [three, two, one]
    assert list(letters.find(LetterFilter(task="two"))) == [three, two]
    assert list(letters.find(LetterFilter(queue=QUEUE, task="two"))) == [three]
    assert list(letters.find(LetterFilter(reason="payload"))) == [two]


def test_oldest_letters_make_room_and_are_logged(
    broker: Processes, letters: DeadLetters, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = letters_of(broker, limit=3)
    now = datetime.now(UTC)
    kept = [letter(failed_at=now + timedelta(seconds=number)) for number in range(5)]
    for each in kept:
        few.keep(each)
    assert list(few.find()) == kept[:1:-1]
    assert kept[0].id in caplog.text
    monkeypatch.setattr(dead_letters, "MOST_BYTES", 2000)
    large = letter(raw="x" * 1000, failed_at=now + timedelta(minutes=1))
    few.keep(large)
    assert next(few.find()) == large
    assert len(few) < 3


def test_letter_is_bounded_and_what_is_too_large_is_not_sent_again(office: Replay) -> None:
    one = letter(keywords={"text": "x" * 2_000_000}, error="e" * 10_000, traceback=f"{'t' * 100_000}end")
    assert len(one.model_dump_json()) < 50_000
    assert one.traceback.endswith("end")
    assert '"text": "xxx' in one.raw
    with pytest.raises(NotReplayableError, match="arguments are not known"):
        office.replay(one)
    assert not letter(arguments=[object()]).is_replayable


def test_secrets_are_not_shown(letters: DeadLetters) -> None:
    one = letter(keywords={"password": "sesame"}, error="no password=sesame", traceback="token: sesame")
    assert "sesame" not in str(one.redacted())
    assert one.keywords == {"password": "sesame"}


def test_letter_that_cannot_be_kept_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    away = DeadLetters(Redis(port=free_port(), retry=Retry(NoBackoff(), 0), decode_responses=True), PROJECT.name, 10)
    one = letter(keywords={"name": "kept in the log", "password": "sesame"})
    with caplog.at_level(logging.ERROR):
        assert not keep_or_log(away, one)
    assert "kept in the log" in caplog.text
    assert "sesame" not in caplog.text


def test_letter_stays_if_the_broker_is_away(letters: DeadLetters) -> None:
    away = sender_for({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    letters.keep(one := letter())
    with pytest.raises(BrokerUnavailableError):
        Replay(letters, away).replay(one)
    assert list(letters.find()) == [one]


def test_letter_is_sent_by_one_at_a_time(office: Replay) -> None:
    office.letters.keep(one := letter())
    office.letters.client.set(f"{office.letters.name}:claims:{one.id}", 1)
    with pytest.raises(NotReplayableError, match="somebody else is sending it"):
        office.replay(one)
    office.letters.client.delete(f"{office.letters.name}:claims:{one.id}")
    office.letters.drop(one.id)
    with pytest.raises(LookupError):
        office.replay(one)


def test_letter_of_a_queue_that_is_gone(office: Replay) -> None:
    with pytest.raises(NotReplayableError, match="there is no queue 'gone'"):
        office.replay(letter(queue="gone"))


def test_reason_follows_from_the_exception() -> None:
    class PayloadError(ValueError):
        """Named like the one that a worker raises."""

    assert reason_for(PayloadError()) == "payload"
    assert reason_for(KeyReusedError("k")) == "key reused"
    assert reason_for(KeyError()) == "failed"


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(broker: Processes, letters: DeadLetters) -> Command:
    """Return a function that runs the command line."""

    def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        arguments = [sys.executable, "-m", "trinity_celery", "dead-letters", *words]
        variables = {**broker.environment, **environment}
        return subprocess.run(arguments, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)

    return run


def test_command_lists_and_shows(command: Command, letters: DeadLetters) -> None:
    assert command().stdout == "no dead letters\n"
    one = letter("one", keywords={"password": "sesame"}, error=f"ValueError: {'x' * 100}", traceback="Traceback ...")
    for each in (one, letter("two", failed_at=datetime.now(UTC) + timedelta(minutes=1))):
        letters.keep(each)
    done = command()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["ID", "FAILED", "AT", "(UTC)", "QUEUE", "TASK", "REASON", "ERROR"]
    assert [line.split()[4] for line in lines[1:]] == ["two", "one"]
    assert lines[2].endswith("xxx…")
    assert len(command("list", "--task", "one").stdout.splitlines()) == 2
    assert command("list", "--limit", "1").stdout.splitlines()[-1] == "... and more: 2 in all"
    assert command("list", "--limit", "9" * 20).stdout == done.stdout, "more than Python counts to"
    shown = command("show", one.id).stdout
    assert "sesame" not in shown
    assert 'keywords   {"password": "[redacted]"}' in shown
    assert shown.endswith("\n\nTraceback ...\n")


def test_command_replays_and_drops(command: Command, letters: DeadLetters, worker: Path) -> None:
    good = [letter(FAIL, arguments=["/nowhere"]) for _ in range(2)]
    for each in (*good, bad := letter("other", arguments=None)):
        letters.keep(each)
    done = command("replay", "--task", FAIL)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "sent 2"), done.stderr
    done = command("replay", "--all")
    assert (done.returncode, done.stdout) == (1, "sent 0, left 1\n")
    assert done.stderr == (
        f"error: dead letter {bad.id} cannot be sent again: its task, queue or arguments are not known\n"
    )
    assert command("drop", bad.id).stdout == "dropped 1\n"
    assert len(letters) == 0


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["show", "nonsense"], 1, "error: there is no dead letter 'nonsense': "),
        (["replay", "nonsense"], 1, "error: there is no dead letter 'nonsense': "),
        (["drop", "nonsense"], 1, "error: there is no dead letter 'nonsense': "),
        (["replay"], 2, "error: replay: say which letters: ids, or --task, --queue and --reason, or --all; --help"),
        (["drop", "--all", "--task", "x"], 2, "error: drop: say which letters: "),
        (["list", "--reason", "nonsense"], 2, "error: Invalid value for '--reason': 'nonsense' is not one of "),
    ],
)
def test_command_says_in_one_line_what_is_wrong(command: Command, words: list[str], status: int, message: str) -> None:
    done = command(*words)
    assert done.returncode == status
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_command_without_redis_ends_with_one_line(command: Command) -> None:
    url = f"redis://:sesame@127.0.0.1:{free_port()}/0"
    done = command(REDIS_URL=url, CELERY_BROKER_URL="")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: Redis or the broker is away: ")
    assert "sesame" not in done.stderr
    assert "Traceback" not in done.stderr
