"""A rate limit that holds for all workers together, unlike Celery's own, which each worker keeps for itself.

The last starts of a task stand in Redis; a script that runs there decides by the server's clock. A task that may not
start yet goes back to the broker until later, so that it occupies no worker.
"""

import random
from functools import cache

from celery.utils.time import rate
from redis.exceptions import RedisError

from shared.layout import PROJECT
from shared.redis_client import redis_client

LONGEST_DELAY = 60  # seconds until a task asks again, at most
AWAY = 5  # seconds until it asks again while Redis does not answer

# Of the last starts, at most ARGV[1], the newest first, one must be ARGV[2] microseconds old before the next. Who must
# wait is told a time of its own, or all would come back at once; it is no promise.
# First something that frees memory: a server that is full refuses a script whose first write takes some.
MAY_START = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local count, period = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('LTRIM', KEYS[1], 0, count - 1)
local first = redis.call('LINDEX', KEYS[1], count - 1)
if not first or now - first >= period then
    redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
    redis.call('LTRIM', KEYS[1], 0, count - 1)
    redis.call('PEXPIRE', KEYS[1], math.ceil(period / 1000))
    return 0
end
local free = first + period
local promised = redis.call('GET', KEYS[2])
local turn = promised and math.max(free, promised + period / count) or free
redis.call('SET', KEYS[2], string.format('%.0f', turn), 'PX', math.ceil((turn - now) / 1000))
return string.format('%.0f', turn - now)
"""


class SharedRateLimit:
    """At most so many starts in any period.

    Args:
        name: whose starts are counted together.
        limit: as for Celery's ``rate_limit``: ``"10/s"``, ``"100/m"`` or ``"1000/h"``.

    Raises:
        ValueError: ``limit`` is something else.
    """

    def __init__(self, name: str, limit: str) -> None:
        count, slash, unit = limit.partition("/")
        if not count.isdecimal() or not int(count) or not slash or unit not in ("s", "m", "h"):
            raise ValueError(f"{limit!r} is no rate: write so many a second, minute or hour, as in '10/s'")
        self._keys = (f"{PROJECT}:rate-limit:{name}", f"{PROJECT}:rate-limit:{name}:turn")
        self._count = int(count)
        self._period = round(1_000_000 * self._count / rate(limit))
        self._client = redis_client()

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
def shared_rate_limit(task_name: str, limit: str) -> SharedRateLimit:
    """Return this process's rate limit of a task."""
    return SharedRateLimit(task_name, limit)
