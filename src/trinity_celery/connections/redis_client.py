"""Clients of a Redis or Valkey server, by default that at ``REDIS_URL``: bounded, and verified where encrypted."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from trinity_celery.config.settings import CelerySettings
from trinity_celery.connections.redis_connection import connection_class
from trinity_celery.connections.tls import redis_tls

NO_RETRY = Retry(NoBackoff(), 0)
# A connection may have been closed since it was last used, so one more attempt, at once.
ONE_MORE_ATTEMPT = Retry(NoBackoff(), 1)


def redis_client(settings: CelerySettings, url: str = "", **options: object) -> Redis:
    """Return a client with a connection pool of its own; the first command connects.

    Where the URL begins with ``rediss``, the server's certificate and the name in it are verified. By default the
    client decodes what it gets, and waits 1 second for a connection and 2 seconds for an answer.

    Args:
        settings: what the environment says.
        url: of the server; by default ``REDIS_URL``.
        options: arguments of ``redis.Redis`` that win over those defaults, such as ``socket_timeout`` (seconds).
    """
    url = url or settings.redis_url
    defaults: dict[str, object] = {"decode_responses": True, "socket_timeout": 2, "socket_connect_timeout": 1}
    verified = redis_tls(url, settings.ca_file)
    return Redis.from_url(url, **{**defaults, "connection_class": connection_class(url), **verified, **options})
