"""Each option of a worker is set by a variable, and is seen to take effect on a running worker."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery

from tests.library.harness import QUEUE, end_task, node_name
from tests.library.shop.queues import PROJECT
from tests.matrix import ROOT
from trinity_celery.cli.worker import worker_arguments
from trinity_celery.config import load_runtime
from trinity_celery.testing.processes import Processes

StartWorker = Callable[..., Celery]


def ask(app: Celery, question: str, name: str) -> Any:
    """Return what the worker called ``name`` answers to one of ``celery inspect``'s questions."""
    node = node_name(name)
    return getattr(app.control.inspect([node], timeout=10, limit=1), question)()[node]


@pytest.mark.parametrize("queue", [service.default_queue for service in PROJECT.services])
def test_options_take_effect(start_worker: StartWorker, broker: Processes, queue: str) -> None:
    app = start_worker(
        queue,
        f"options-{queue}",
        CELERY_WORKER_CONCURRENCY="3",
        CELERY_WORKER_LOGLEVEL="debug",
        CELERY_WORKER_MAX_MEMORY_PER_CHILD="300000",
        CELERY_WORKER_MAX_TASKS_PER_CHILD="77",
        CELERY_WORKER_PREFETCH_MULTIPLIER="5",
        CELERY_TASK_SOFT_TIME_LIMIT="31",
        CELERY_TASK_TIME_LIMIT="47",
        CELERY_TASK_DEFAULT_QUEUE=PROJECT.queue_names()[-1],
        CELERY_BROKER_VISIBILITY_TIMEOUT="123",
        CELERY_BROKER_LEASE="7",
        CELERY_RESULT_EXPIRES="456",
        CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT="2",
    )
    stats = ask(app, "stats", f"options-{queue}")
    assert stats["pool"]["implementation"].endswith("prefork:TaskPool")
    assert stats["pool"]["max-concurrency"] == 3
    assert stats["pool"]["max-tasks-per-child"] == 77
    assert stats["pool"]["timeouts"] == [31, 47]
    assert stats["prefetch_count"] == 15
    conf = ask(app, "conf", f"options-{queue}")
    assert conf["worker_max_memory_per_child"] == 300000
    assert conf["task_default_queue"] == PROJECT.queue_names()[-1]
    assert conf["result_expires"] == 456
    assert conf["worker_soft_shutdown_timeout"] == 2
    if conf["broker_url"].startswith("redis"):
        options = conf["broker_transport_options"]
        assert [options[name] for name in ("visibility_timeout", "lease")] == [123, 7]
    assert [each["name"] for each in ask(app, "active_queues", f"options-{queue}")] == load_runtime(
        PROJECT
    ).consumed_queues(queue)
    assert "DEBUG" in broker.log(f"options-{queue}").read_text()


@pytest.mark.parametrize(("pool", "implementation"), [("threads", "thread"), ("solo", "solo")])
def test_pool_of_one_queue(start_worker: StartWorker, pool: str, implementation: str) -> None:
    queue = PROJECT.queues[-1]
    name = f"{pool}-{queue.name}"
    variables = {f"CELERY_WORKER_POOL_{queue.identifier.upper()}": pool, "CELERY_WORKER_POOL": "prefork"}
    app = start_worker(queue.name, name, **variables)
    assert ask(app, "stats", name)["pool"]["implementation"] == f"celery.concurrency.{implementation}:TaskPool"


def test_worker_waits_for_running_tasks_on_sigterm(start_worker: StartWorker, broker: Processes) -> None:
    """SIGTERM is what honcho, Docker and systemd send."""
    app = start_worker(QUEUE, "stopped", "--include trinity_celery.testing.tasks")
    result = app.send_task("trinity_celery.testing.tasks.sleep", queue=QUEUE)
    while result.state != "STARTED":
        time.sleep(0.1)
    broker.send_signal("stopped", signal.SIGTERM)
    assert broker.wait("stopped", 20) == 0
    assert (
        f"ended after 1.0 s; what still ran goes back to its queue: trinity_celery.testing.tasks.sleep[{result.id}]"
        in (broker.log("stopped").read_text())
    )
    # What did not finish in time is back in the queue, at once and not after the visibility timeout.
    start_worker(QUEUE, "next", "--include trinity_celery.testing.tasks")
    while result.state == "STARTED" and not (result.info or {}).get("hostname", "").startswith("next@"):
        time.sleep(0.1)
    assert [each["delivery_info"]["redelivered"] for each in ask(app, "active", "next")] == [True]
    end_task(app, result.id)


def test_pool_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_WORKER_POOL", "gevent")
    monkeypatch.setattr("trinity_celery.cli.worker.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="CELERY_WORKER_POOL: gevent is not installed"):
        worker_arguments(PROJECT, PROJECT.queues[0])


def test_worker_of_an_unknown_queue_is_refused() -> None:
    command = [sys.executable, "-m", "trinity_celery", "worker", "typo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.strip() == f"'typo' is not a queue of this project: use one of {', '.join(PROJECT.queue_names())}"
    )


def test_worker_with_a_task_that_would_run_twice_is_refused(broker: Processes) -> None:
    command = [
        sys.executable,
        "-m",
        "trinity_celery",
        "worker",
        QUEUE,
        "--include",
        "tests.library.tasks.outstaying",
    ]
    environment = {**broker.environment, "CELERY_BROKER_LEASE": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: tests.library.tasks.outstaying.stay: its time_limit of 7200 s is too long: "
    )
