"""A rate limit that holds for all workers together, unlike Celery's own, which each worker keeps for itself.

The last starts of a task stand in Redis; a script that runs there decides by the server's clock. A task that may not
start yet goes back to the broker until later, so that it occupies no worker.
"""

import random
from functools import cache

from celery import Celery
from celery.utils.time import rate
from redis.exceptions import RedisError

from trinity_celery.config.runtime import Runtime, runtime_of
from trinity_celery.connections.redis_client import redis_client
from trinity_celery.connections.scripts import read_script

LONGEST_DELAY = 60  # seconds until a task asks again, at most
AWAY = 5  # seconds until it asks again while Redis does not answer

MAY_START = read_script("trinity_celery.worker", "may_start")


class SharedRateLimit:
    """At most so many starts in any period.

    Args:
        runtime: the project, and the server that counts.
        name: whose starts are counted together.
        limit: as for Celery's ``rate_limit``: ``"10/s"``, ``"100/m"`` or ``"1000/h"``.

    Raises:
        ValueError: ``limit`` is something else.
    """

    def __init__(self, runtime: Runtime, name: str, limit: str) -> None:
        count, slash, unit = limit.partition("/")
        if not count.isdecimal() or not int(count) or not slash or unit not in ("s", "m", "h"):
            raise ValueError(f"{limit!r} is no rate: write so many a second, minute or hour, as in '10/s'")
        key = f"{runtime.project.name}:rate-limit:{name}"
        self._keys = (key, f"{key}:turn")
        self._count = int(count)
        self._period = round(1_000_000 * self._count / rate(limit))
        self._client = redis_client(runtime.settings)

    def wait(self) -> float:
        """Return 0 and count a start, or return after how many seconds to ask again.

        While Redis does not answer nothing may start, since what is counted there is promised to somebody.
        """
        try:
            microseconds = self._client.eval(MAY_START, 2, *self._keys, str(self._count), str(self._period))
        except RedisError:
            return AWAY * random.uniform(1, 2)
        return min(float(str(microseconds)) / 1_000_000, LONGEST_DELAY * random.uniform(0.5, 1))


@cache
def shared_rate_limit(app: Celery, task_name: str, limit: str) -> SharedRateLimit:
    """Return this process's rate limit of a task of ``app``."""
    return SharedRateLimit(runtime_of(app), task_name, limit)
