"""RedBeat: beat keeps the schedule and a lock in Redis, so a second beat is a standby and does not fire.

https://redbeat.readthedocs.io/en/latest/config.html
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from redis.retry import Retry

from shared import beat_heartbeat  # noqa: F401  (connects itself to the start of beat)
from shared.beat_schedule import celery_beat_schedule
from shared.beat_settings import BeatSettings
from shared.environment import load
from shared.layout import PROJECT
from shared.redis_connection import connection_class
from shared.tls import redis_tls

LOOP_INTERVAL = 5  # seconds


def without_login(url: str) -> tuple[str, dict[str, str]]:
    """Return ``url`` without name and password, and these as arguments of a client.

    Celery shows the URL to whoever asks a worker for its configuration, and hides what is called a password.
    """
    parts = urlsplit(url)
    login = {"username": parts.username, "password": parts.password}
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc).geturl(), {name: unquote(value) for name, value in login.items() if value}


def beat_configuration(redis_url: str) -> dict[str, Any]:
    """Return the part of Celery's configuration that concerns beat."""
    settings = load(BeatSettings)
    server, login = without_login(redis_url)
    return {
        "beat_schedule": celery_beat_schedule(),
        # Whose clock a crontab follows that names no other.
        "timezone": settings.celery_timezone,
        "beat_scheduler": settings.celery_beat_scheduler or "shared.redbeat_scheduler:Scheduler",
        "beat_max_loop_interval": LOOP_INTERVAL,
        # After a long stop, entries that are more than this many seconds late are not made up for.
        "beat_cron_starting_deadline": 300,
        "redbeat_redis_url": server,
        "redbeat_key_prefix": f"{PROJECT}:redbeat:",
        # The default waits 25 minutes before a standby takes over. https://github.com/sibson/redbeat/issues/129
        "redbeat_lock_timeout": 6 * LOOP_INTERVAL,
        # A moment's outage; after a longer one, the scheduler tries again.
        "redbeat_redis_options": {
            "connection_class": connection_class(redis_url),
            "retry": Retry(ExponentialBackoff(cap=1, base=0.2), 2),
            "retry_on_error": [ConnectionError, TimeoutError, BusyLoadingError],
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            **login,
            **redis_tls(redis_url),
            "health_check_interval": 15,
        },
    }
