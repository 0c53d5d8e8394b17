"""The part of Celery's configuration that concerns beat, for each of its schedulers."""

from urllib.parse import unquote, urlsplit

from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from redis.retry import Retry

from trinity_celery.beat import heartbeat  # noqa: F401  (connects itself to the start of beat)
from trinity_celery.config.beat_settings import BeatSettings, FileBeatSettings
from trinity_celery.config.runtime import Runtime
from trinity_celery.config.settings import Configuration
from trinity_celery.connections.redis_connection import connection_class
from trinity_celery.connections.tls import redis_tls

LOOP_INTERVAL = 5  # seconds, of RedBeat


def beat_configuration(runtime: Runtime) -> Configuration:
    """Return the part of Celery's configuration that concerns beat; empty for a project without one."""
    settings, scheduler = runtime.beat_settings, runtime.project.beat_scheduler
    if settings is None or scheduler is None:
        return {}
    chosen = {"redbeat": _redbeat, "database": _database, "file": _file}[scheduler](runtime, settings)
    if settings.celery_beat_scheduler:
        chosen["beat_scheduler"] = settings.celery_beat_scheduler
    return {
        "beat_schedule": runtime.beat_schedule,
        # Whose clock a crontab follows that names no other.
        "timezone": settings.celery_timezone,
        # After a long stop, entries that are more than this many seconds late are not made up for.
        "beat_cron_starting_deadline": 300,
        **chosen,
    }


def without_login(url: str) -> tuple[str, dict[str, str]]:
    """Return ``url`` without name and password, and these as arguments of a client.

    Celery shows the URL to whoever asks a worker for its configuration, and hides what is called a password.
    """
    parts = urlsplit(url)
    login = {"username": parts.username, "password": parts.password}
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc).geturl(), {name: unquote(value) for name, value in login.items() if value}


def _redbeat(runtime: Runtime, settings: BeatSettings) -> Configuration:
    """RedBeat: beat keeps the schedule and a lock in Redis, so a second beat is a standby and does not fire.

    https://redbeat.readthedocs.io/en/latest/config.html
    """
    redis_url = runtime.settings.redis_url
    server, login = without_login(redis_url)
    return {
        "beat_scheduler": "trinity_celery.beat.redbeat:Scheduler",
        "beat_max_loop_interval": LOOP_INTERVAL,
        "redbeat_redis_url": server,
        "redbeat_key_prefix": f"{runtime.project.name}:redbeat:",
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
            **redis_tls(redis_url, runtime.settings.ca_file),
            "health_check_interval": 15,
        },
    }


def _database(runtime: Runtime, settings: BeatSettings) -> Configuration:
    """django-celery-beat: the schedule lies in Django's database and can be edited in the admin.

    https://django-celery-beat.readthedocs.io/
    """
    return {
        # It writes the entries of the code to the database when beat starts, and leaves all others alone.
        "beat_scheduler": "trinity_celery.beat.database:Scheduler",
        # Seconds until a change made in the admin takes effect.
        "beat_max_loop_interval": 5,
    }


def _file(runtime: Runtime, settings: BeatSettings) -> Configuration:
    """Celery's own scheduler: beat remembers its last runs in a file.

    https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    assert isinstance(settings, FileBeatSettings)
    return {
        "beat_scheduler": "trinity_celery.beat.file:FileScheduler",
        # Relative to the working directory: name a writable place where that one is read-only.
        "beat_schedule_filename": settings.beat_schedule_filename,
        "beat_max_loop_interval": 30,
    }
