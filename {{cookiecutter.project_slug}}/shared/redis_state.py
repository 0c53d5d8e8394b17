"""Whether the Redis and Valkey servers of this project can be trusted with tasks, by what they say of themselves.

What ``INFO`` tells is enough, so ``CONFIG``, which hosted servers forbid, is not asked.
https://redis.io/docs/latest/commands/info/
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from shared.redis_client import redis_client
from shared.settings import CelerySettings

OLDEST_VERSION = (6, 2)  # which brought BLMOVE, with which workers wait
TIMEOUT = 1  # seconds for each server
FREE_MEMORY = 0.1  # of maxmemory, below which somebody should know

NOT_CHECKED = (
    "cannot be checked, as its user may not run INFO: allow that, or see by yourself that maxmemory-policy is "
    "noeviction and appendonly is yes, and set REDIS_SERVER_CHECKS=0"
)


class Problem(NamedTuple):
    """What is wrong with a server, and whether it must not be used for that reason outside development."""

    text: str
    is_serious: bool


def find_problems(info: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a server, from what its ``INFO`` says, with the setting to change."""
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        yield Problem(f"is version {version}: use Redis {oldest} or later, or Valkey", is_serious=True)
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        text = f"may throw tasks away when its memory is full: set maxmemory-policy to noeviction, not {policy}"
        yield Problem(text, is_serious=True)
    if info.get("role") == "slave":
        yield Problem("is a replica, which takes no tasks: write the address of its primary", is_serious=False)
    if not int(info.get("aof_enabled", 1)):
        text = "forgets what was sent since its last snapshot when it restarts: set appendonly to yes"
        yield Problem(text, is_serious=False)
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and most - used < FREE_MEMORY * most:
        text = f"has {max(most - used, 0)} of {most} bytes of memory left: raise maxmemory, or start more workers"
        yield Problem(text, is_serious=False)


def ask(client: Redis) -> list[Problem]:
    """Return what is wrong with the server that ``client`` leads to.

    Raises:
        redis.RedisError: it cannot be reached.
    """
    try:
        info: Any = client.info()
    except NoPermissionError:
        return [Problem(NOT_CHECKED, is_serious=True)]
    except ResponseError as error:  # a command that was renamed away
        if "unknown command" in str(error):
            return [Problem(NOT_CHECKED, is_serious=True)]
        raise
    return list(find_problems(info))


def check_redis_servers(settings: CelerySettings) -> list[Problem]:
    """Ask every server and return what is wrong, each in a line that names the variable and no password.

    Raises:
        redis.RedisError: a server cannot be reached.
    """
    if not settings.redis_server_checks:
        return []
    problems = []
    for variable, url in settings.redis_servers.items():
        parts = urlsplit(url)
        with redis_client(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT) as client:
            for text, is_serious in ask(client):
                line = f"{variable}: the server at {parts.hostname}:{parts.port or 6379} {text}"
                problems.append(Problem(line, is_serious))
    return problems


def refuse_unsafe_servers(settings: CelerySettings) -> list[str]:
    """Return what is to be warned of: everything in development, and outside what is not serious.

    Raises:
        SystemExit: outside development, a server may lose tasks; one line for each.
        redis.RedisError: a server cannot be reached.
    """
    problems = check_redis_servers(settings)
    serious = [problem.text for problem in problems if problem.is_serious]
    if serious and not settings.is_development:
        raise SystemExit("\n".join(f"error: {line}" for line in serious))
    return [problem.text for problem in problems]
