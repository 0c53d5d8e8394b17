"""Clients of the Redis or Valkey server at ``REDIS_URL``: bounded in time, and verified where encrypted."""

from typing import Any

from redis import Redis

from shared.environment import load
from shared.settings import CelerySettings
from shared.tls import redis_tls


def redis_client(**options: Any) -> Redis:
    """Return a client with a connection pool of its own; the first command connects.

    Args:
        options: arguments of ``redis.Redis`` that win over those given here, such as ``socket_timeout`` (seconds).

    Raises:
        SystemExit: a variable has a bad value.
    """
    url = load(CelerySettings).redis_url
    defaults = {"decode_responses": True, "socket_timeout": 2, "socket_connect_timeout": 1}
    return Redis.from_url(url, **{**defaults, **redis_tls(url), **options})
