"""Whether the things that every service needs can be reached. Each check is bounded and tells what is wrong."""

from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from celery import current_app

from shared.deadline import sender_pool
from shared.environment import load
from shared.find_broker import find_broker
from shared.redis_state import check_redis_servers
from shared.settings import CelerySettings

CHECK_DEADLINE = 1.0  # seconds

Check = Callable[[], object]


def check_broker() -> None:
    """Look whether the broker can be used; raise whatever its client raises."""
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    find_broker(app.conf.broker_url).check(app)


def check_result_backend() -> None:
    """Ask the result backend for its time; raise whatever its client raises."""
    backend: Any = current_app.backend
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


def check_servers() -> None:
    """Ask Redis and Valkey servers about themselves. In development, they need only be there.

    Raises:
        RuntimeError: one of them may lose tasks, or is away and neither the broker nor the result backend.
    """
    settings = load(CelerySettings)
    problems = [problem for problem in check_redis_servers(settings) if problem.is_serious]
    if wrong := [problem.text for problem in problems if problem.is_away or not settings.is_development]:
        raise RuntimeError("; ".join(wrong))


CONNECTION_CHECKS: dict[str, Check] = {"broker": check_broker, "result backend": check_result_backend}
SHARED_CHECKS: dict[str, Check] = {**CONNECTION_CHECKS, "servers": check_servers}
