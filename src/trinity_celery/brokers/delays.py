"""How long a task waits before it may start, as its broker can have it wait."""

from datetime import UTC, datetime, timedelta

from celery import Celery
from celery.utils.time import maybe_iso8601

from trinity_celery.brokers.registry import find_broker


def seconds_until(countdown: float | None = None, eta: datetime | str | None = None) -> float:
    """Return the seconds from now that ``countdown`` or, which wins, ``eta`` stands for; negative in the past.

    Raises:
        ValueError: ``eta`` has no time zone, or there is no such date.
    """
    time = maybe_iso8601(eta)
    if time is not None and time.tzinfo is None:
        raise ValueError("eta: has no time zone: use datetime.now(UTC) + timedelta(...)")
    now = datetime.now(UTC)
    try:
        return ((time or now + timedelta(seconds=countdown or 0)) - now).total_seconds()
    except (ArithmeticError, ValueError):
        raise ValueError(f"countdown: there is no date in {countdown} s") from None


def settle_delay(
    app: Celery, countdown: float | None = None, eta: datetime | str | None = None
) -> tuple[float | None, datetime | str | None]:
    """Return the ``countdown`` and the ``eta`` with which ``app`` can send what may start then: no earlier.

    Raises:
        ValueError: that lies too far ahead, or says no time.
    """
    seconds = seconds_until(countdown, eta)
    if seconds <= 0:
        return countdown, eta
    rounded = find_broker(app.conf.broker_url).whole_delay(app, seconds)
    return (countdown, eta) if rounded is None else (rounded, None)
