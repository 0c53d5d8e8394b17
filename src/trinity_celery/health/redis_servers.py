"""Whether the Redis and Valkey servers of this project can be trusted with tasks, by what they say of themselves.

``INFO`` tells nearly all, but not whether snapshots are planned; ``CONFIG GET`` does, where it is
allowed. https://redis.io/docs/latest/commands/info/
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from trinity_celery.config.settings import CelerySettings
from trinity_celery.config.urls import name_server
from trinity_celery.connections.redis_client import NO_RETRY, redis_client

OLDEST_VERSION = (6, 2)  # which brought BLMOVE, with which workers wait
TIMEOUT = 0.7  # seconds, within which a server must connect, and then answer: less than a readiness check may take
FREE_MEMORY = 0.1  # of maxmemory, below which somebody should know

NOT_CHECKED = (
    "cannot be checked, as its user may not run INFO: allow that, or see by yourself that maxmemory-policy is "
    "noeviction and appendonly is yes, and set REDIS_SERVER_CHECKS=0"
)


KEEPS_NOTHING = (
    "so it loses what it holds when it restarts: set appendonly to yes, or REDIS_SERVER_CHECKS=0 if you know that all "
    "of it is kept elsewhere, as by a replica"
)


class Server(NamedTuple):
    """A server, and the first variable that names it."""

    variable: str
    url: str
    only_here: bool  # neither the broker nor the result backend, which are asked elsewhere, too

    @property
    def place(self) -> str:
        """The variable and the address, without the password."""
        return name_server(self.variable, self.url, 6379)


class Problem(NamedTuple):
    """What is wrong with a server, and whether it must not be used for that reason outside development."""

    text: str
    is_serious: bool
    is_away: bool = False  # nothing else is known; serious if no other check says so


def find_problems(
    info: Mapping[str, str | int | float], save: str | None = None, *, holds_tasks: bool = True
) -> Iterator[Problem]:
    """Yield what is wrong with a server, with the setting to change.

    Args:
        info: what its ``INFO`` says.
        save: when it takes snapshots, as in its configuration; ``None`` if it does not say.
        holds_tasks: whether it holds more than results.
    """
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
        # Of no use where snapshots are planned: none was taken yet on a server that has just been installed.
        none_seen = int(info.get("rdb_last_bgsave_time_sec", 0)) < 0
        if save == "":
            yield Problem(f"writes nothing to disk, {KEEPS_NOTHING}", is_serious=holds_tasks)
        elif save is None and none_seen:
            text = f"has no append-only file, and has taken no snapshot since it started, {KEEPS_NOTHING}"
            yield Problem(text, is_serious=holds_tasks)
        else:
            text = "forgets what was sent since its last snapshot when it restarts: set appendonly to yes"
            yield Problem(text, is_serious=False)
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and most - used < FREE_MEMORY * most:
        text = f"has {max(most - used, 0)} of {most} bytes of memory left: raise maxmemory, or start more workers"
        yield Problem(text, is_serious=False)


def _planned_snapshots(client: Redis) -> str | None:
    """Return when the server takes snapshots; ``None`` if it does not tell."""
    try:
        answer: object = client.config_get("save")
    except ResponseError:
        return None
    return answer.get("save") if isinstance(answer, dict) else None


def ask(client: Redis, *, holds_tasks: bool = True) -> list[Problem]:
    """Return what is wrong with the server that ``client`` leads to.

    Raises:
        redis.RedisError: it cannot be reached.
    """
    try:
        info = client.info()
    except NoPermissionError:
        return [Problem(NOT_CHECKED, is_serious=True)]
    except ResponseError as error:  # a command that was renamed away
        if "unknown command" in str(error):
            return [Problem(NOT_CHECKED, is_serious=True)]
        raise
    save = None if int(info.get("aof_enabled", 1)) else _planned_snapshots(client)
    return list(find_problems(info, save, holds_tasks=holds_tasks))


def _identity(url: str) -> tuple[str | None, str | None, str | None, int]:
    """Return what two URLs have in common that lead to the same server as the same user, in whatever database."""
    parts = urlsplit(url)
    return parts.username, parts.password, parts.hostname, parts.port or 6379


def _distinct_servers(settings: CelerySettings) -> list[Server]:
    found: dict[object, Server] = {}
    elsewhere = {_identity(url) for url in (settings.broker_url, settings.result_backend)}
    for variable, url in settings.redis_servers.items():
        identity = _identity(url)
        found.setdefault(identity, Server(variable, url, identity not in elsewhere))
    return list(found.values())


def _check(server: Server, settings: CelerySettings) -> list[Problem]:
    options: dict[str, object] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "retry": NO_RETRY}
    try:
        with redis_client(settings, server.url, **options) as client:
            if settings.redis_server_checks:
                found = ask(client, holds_tasks=server.variable != "CELERY_RESULT_BACKEND")
            else:
                client.ping()
                found = []
    except RedisError as error:
        text = f"{server.place}: {type(error).__name__}: {' '.join(str(error).split())}"
        return [Problem(text, server.only_here, is_away=True)]
    return [Problem(f"{server.place} {text}", is_serious) for text, is_serious, _ in found]


def check_redis_servers(settings: CelerySettings) -> list[Problem]:
    """Ask every server, side by side, and return what is wrong, each in a line that names the variable and no password.

    Without ``REDIS_SERVER_CHECKS`` they need only be there.
    """
    servers = _distinct_servers(settings)
    with ThreadPoolExecutor(len(servers) or 1) as threads:
        found = list(threads.map(lambda server: _check(server, settings), servers))
    return [problem for problems in found for problem in problems]


def refuse_unsafe_servers(settings: CelerySettings) -> list[Problem]:
    """Return what is to be warned of: everything in development, and outside what is not serious or is away.

    Raises:
        SystemExit: outside development, a server may lose tasks; one line for each.
    """
    problems = check_redis_servers(settings)
    serious = [problem.text for problem in problems if problem.is_serious and not problem.is_away]
    if serious and not settings.is_development:
        raise SystemExit("\n".join(f"error: {line}" for line in serious))
    return problems
