"""What health checks say of a worker that works, is busy, has no broker, or is stopped; and of a web page."""

import errno
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests.library.harness import QUEUE, WORKER, running_broker, sender_for
from trinity_celery.config import CelerySettings
from trinity_celery.connections import redis_client
from trinity_celery.health.heartbeat import GOOD_FOR, INTERVAL, PATIENCE, Heartbeat
from trinity_celery.health.probe import TIMEOUT
from trinity_celery.testing.heartbeats import file_of, health, healthcheck, wait_for_health
from trinity_celery.testing.ports import free_port
from trinity_celery.testing.processes import Processes

TASK = "trinity_celery.testing.tasks.sleep"
REFUSED = "CELERY_BROKER_URL: the server at 127.0.0.1:{} refuses the name or the password; correct the variable"


def start(stack: Processes, name: str, **environment: str) -> None:
    command = f"{WORKER} --hostname {name}@%h --include trinity_celery.testing.tasks"
    stack.start(name, command, {"HEARTBEAT_FILE": str(file_of(stack, name)), **environment})


def keep_busy(stack: Processes) -> str:
    """Send a task that takes longer than a heartbeat is good; who gets it again after its worker's end drops it."""
    sender = sender_for(stack.environment)
    return str(sender.send_task(TASK, queue=QUEUE, expires=GOOD_FOR).id)


def with_wrong_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"nobody:sesame@{parts.hostname}:{parts.port}").geturl()


def signal_groups(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        os.killpg(group, number)


def children() -> set[int]:
    """Return the processes that this one has started; a server leads a group of its own."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True, check=False)
    return {int(pid) for pid in found.stdout.split()}


@pytest.fixture(scope="module")
def other_broker(broker: Processes) -> Iterator[tuple[dict[str, str], set[int]]]:
    """A broker that can be spared: the variables that name it, and its process groups."""
    before = children()
    kind = "rabbitmq" if "CELERY_BROKER_URL" in broker.environment else "redis"
    with running_broker(kind) as found:
        urls = ("REDIS_URL", "CELERY_BROKER_URL")
        yield {name: found.environment[name] for name in urls if name in found.environment}, children() - before


@pytest.fixture(scope="module")
def workers(broker: Processes, other_broker: tuple[dict[str, str], set[int]]) -> Iterator[Processes]:
    """Workers in all situations, and so much later that each of their first heartbeats is overdue."""
    names = ["busy", "solo", "halted", "lonely", "refused"]
    url = broker.environment.get("CELERY_BROKER_URL") or broker.environment["REDIS_URL"]
    try:
        start(broker, "busy")
        start(broker, "refused", CELERY_BROKER_URL=with_wrong_login(url))
        start(broker, "lonely", **other_broker[0])
        wait_for_health(broker, "busy", "working")
        wait_for_health(broker, "lonely", "working")
        signal_groups(other_broker[1], signal.SIGSTOP)
        result = sender_for(broker.environment).AsyncResult(keep_busy(broker))
        deadline = time.monotonic() + 30
        while result.state != "STARTED":
            assert time.monotonic() < deadline, broker.log("busy").read_text()
            time.sleep(0.1)
        # One after the other, so that each gets one task.
        start(broker, "solo", CELERY_WORKER_POOL="solo")
        wait_for_health(broker, "solo", "working")
        keep_busy(broker)
        wait_for_health(broker, "solo", f"running {TASK}")
        start(broker, "halted")
        wait_for_health(broker, "halted", "working")
        broker.send_signal("halted", signal.SIGSTOP)
        time.sleep(GOOD_FOR + 1)
        yield broker
    finally:
        for name in names:
            with suppress(KeyError, ProcessLookupError):
                broker.send_signal(name, signal.SIGKILL)
        broker.stop(*names)


def test_busy_worker_is_well(workers: Processes) -> None:
    # The loop says so. What it gave a child to do, only the child knows.
    assert health(workers, "busy") == (0, "working")


def test_worker_whose_loop_runs_the_task_is_well(workers: Processes) -> None:
    assert health(workers, "solo") == (0, f"running {TASK}")


def test_worker_without_its_broker_is_well(workers: Processes, other_broker: tuple[dict[str, str], set[int]]) -> None:
    # The broker is frozen. That may look like one that has nothing to say, but must not halt the loop.
    assert health(workers, "lonely")[0] == 0
    signal_groups(other_broker[1], signal.SIGKILL)
    wait_for_health(workers, "lonely", "waiting for the broker")
    assert file_of(workers, "lonely").stat().st_mtime < time.time() + PATIENCE


def test_stopped_worker_is_not_well_until_it_goes_on(workers: Processes) -> None:
    status, line = health(workers, "halted")
    assert status == 1
    assert line.startswith("last heartbeat ")
    assert line.endswith(" s overdue (it said: working): the process is stopped or stuck")
    workers.send_signal("halted", signal.SIGCONT)
    wait_for_health(workers, "halted", "working", patience=INTERVAL + 2)


def test_refused_login_ends_the_worker_in_one_line_that_names_the_variable(workers: Processes) -> None:
    assert workers.wait("refused", 1) == 1
    log = workers.log("refused").read_text()
    url = workers.environment.get("CELERY_BROKER_URL") or workers.environment["REDIS_URL"]
    assert log.count(REFUSED.format(urlsplit(url).port)) == 1, log
    assert "sesame" not in log
    assert "Traceback" not in log


def test_what_only_the_server_knows_to_be_wrong_ends_the_worker_in_one_line(broker: Processes) -> None:
    url = urlsplit(broker.environment["REDIS_URL"])
    with redis_client(CelerySettings(), url.geturl()) as client:
        client.acl_setuser("guest", enabled=True, passwords=["+sesame"], keys=["*"], commands=["+ping"])
    start(broker, "elsewhere", CELERY_BROKER_URL=url._replace(path="/99").geturl())
    guest = url._replace(netloc=f"guest:sesame@127.0.0.1:{url.port}").geturl()
    start(broker, "guest", CELERY_BROKER_URL=guest)
    for name, what in (("elsewhere", "the number of the database (DB index"), ("guest", "the user a right that it")):
        assert broker.wait(name, 30) == 1
        log = broker.log(name).read_text()
        assert log.count(f"CELERY_BROKER_URL: the server at 127.0.0.1:{url.port} refuses {what}") == 1, log
        assert "sesame" not in log
        assert "Traceback" not in log


def test_process_that_never_started() -> None:
    missing = "no heartbeat in /nowhere/at/all: the process has not started, or HEARTBEAT_FILE differs"
    assert healthcheck("heartbeat", HEARTBEAT_FILE="/nowhere/at/all") == (1, missing)


def test_full_disk_is_logged_once_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    heartbeat = Heartbeat(tmp_path / "folder" / "heartbeat")
    with caplog.at_level(logging.ERROR):
        heartbeat.write("working")
        heartbeat.write("working")
    assert [record.getMessage()[:16] for record in caplog.records] == ["HEARTBEAT_FILE: "]
    (tmp_path / "folder").mkdir()
    heartbeat.write("working")
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["heartbeat"]


def test_without_a_file_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Heartbeat(None).write("working")
    assert list(tmp_path.iterdir()) == []


class Page(BaseHTTPRequestHandler):
    """Answers with the status that the path names, after the seconds that the query names."""

    def do_GET(self) -> None:
        path, _, seconds = self.path.partition("?")
        time.sleep(float(seconds or 0))
        # The user is "me" and the password "sesame".
        known = self.headers.get("Authorization") == "Basic bWU6c2VzYW1l"
        status = (200 if known else 401) if path == "/login" else int(path[1:])
        self.send_response(status)
        self.end_headers()
        with suppress(BrokenPipeError):
            self.wfile.write(b"line one\nline two" + b"." * 1000)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """A web server's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_page_that_answers_is_well(pages: str) -> None:
    assert healthcheck("http", f"{pages}/200") == (0, f"{pages}/200 answers 200")


@pytest.mark.parametrize("status", ["503", "302", "401"])
def test_other_answers_are_not_well(pages: str, status: str) -> None:
    code, line = healthcheck("http", f"{pages}/{status}")
    assert code == 1
    assert line.startswith(f"{pages}/{status} answers {status}: line one line two...")
    assert len(line) < 300


def test_page_that_hangs_is_not_well(pages: str) -> None:
    assert healthcheck("http", f"{pages}/200?{TIMEOUT + 1}") == (1, f"{pages}/200?4 does not answer: timed out")


def test_page_that_is_not_there_is_not_well() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    assert healthcheck("http", url) == (1, f"{url} does not answer: [Errno {errno.ECONNREFUSED}] Connection refused")


def test_page_with_a_login_asks_everybody_for_it(pages: str) -> None:
    assert healthcheck("http", f"{pages}/login", HEALTHCHECK_LOGIN="me:sesame,you:open")[0] == 0
    code, line = healthcheck("http", f"{pages}/login", HEALTHCHECK_LOGIN="me:wrong")
    assert (code, line[: len(pages) + 18]) == (1, f"{pages}/login answers 401")
    opened = f"{pages}/200 answers 200 without a login, and not 401: it is open to everybody"
    assert healthcheck("http", f"{pages}/200", HEALTHCHECK_LOGIN="me:sesame") == (1, opened)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: "),
        (["http"], "usage: "),
        (["http", "https://127.0.0.1/"], "'https://127.0.0.1/' is not an http:// URL"),
        (["heartbeat"], "HEARTBEAT_FILE: is not set"),
    ],
)
def test_bad_usage_is_said_in_one_line(arguments: list[str], message: str) -> None:
    status, line = healthcheck(*arguments, HEARTBEAT_FILE="", HEALTHCHECK_LOGIN="")
    assert status == 2
    assert line.startswith(message)
