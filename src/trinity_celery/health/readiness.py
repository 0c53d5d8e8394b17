"""Whether the things that every service needs can be reached. Each check is bounded and tells what is wrong."""

from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from typing import Any

from celery import Celery

from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.runtime import runtime_of
from trinity_celery.connections.timeouts import sender_pool
from trinity_celery.health.redis_servers import check_redis_servers

CHECK_DEADLINE = 1.0  # seconds

Check = Callable[[], object]


def check_broker(app: Celery) -> None:
    """Look whether the broker can be used; raise whatever its client raises."""
    find_broker(app.conf.broker_url).check(app)


def check_result_backend(app: Celery) -> None:
    """Ask the result backend for its time; raise whatever its client raises."""
    backend: Any = app.backend
    backend.client.ping()


def failing(checks: dict[str, Check], deadline: float = CHECK_DEADLINE) -> dict[str, str]:
    """Run ``checks`` side by side and return what is wrong with those that fail, by name; empty means ready.

    Args:
        checks: what to ask, by name.
        deadline: seconds after which no answer counts as a failure.
    """
    futures = {name: sender_pool().submit(check) for name, check in checks.items()}
    wait(futures.values(), deadline)
    problems = {}
    for name, future in futures.items():
        if not future.done():
            problems[name] = f"no answer within {deadline} s"
        elif error := future.exception():
            problems[name] = f"{type(error).__name__}: {error}"
    return problems


def check_servers(app: Celery) -> None:
    """Ask Redis and Valkey servers about themselves. In development, they need only be there.

    Raises:
        RuntimeError: one of them may lose tasks, or is away and neither the broker nor the result backend.
    """
    settings = runtime_of(app).settings
    problems = [problem for problem in check_redis_servers(settings) if problem.is_serious]
    if wrong := [problem.text for problem in problems if problem.is_away or not settings.is_development]:
        raise RuntimeError("; ".join(wrong))


def connection_checks(app: Celery) -> dict[str, Check]:
    """Return what looks whether the broker and the result backend of ``app`` answer."""
    return {"broker": partial(check_broker, app), "result backend": partial(check_result_backend, app)}


def readiness_checks(app: Celery) -> dict[str, Check]:
    """Return what every service that sends through ``app`` needs."""
    return {**connection_checks(app), "servers": partial(check_servers, app)}
