"""What the library uses of RedBeat's private names."""

from celery.signals import beat_init
from redbeat.schedulers import LUA_EXTEND_TO_SCRIPT, acquire_distributed_beat_lock
from redis import Redis
from redis.lock import Lock

from trinity_celery._compat import Names
from trinity_celery._compat.redis import replace_extension

CALLED: Names = {
    "redbeat.schedulers": ("LUA_EXTEND_TO_SCRIPT", "acquire_distributed_beat_lock(sender)", "get_redis(app)"),
}

OVERRIDDEN: Names = {
    "redbeat.decoder:RedBeatJSONDecoder": ("dict_to_object(d)",),
    "redbeat.decoder:RedBeatJSONEncoder": ("default(obj)",),
    "redbeat.schedulers:RedBeatScheduler": (
        "_maybe_entry(name, entry)",
        "close()",
        "lock",
        "lock_key",
        "lock_timeout",
        "max_interval",
        "setup_schedule()",
        "tick(min, **kwargs)",
    ),
    "redbeat.schedulers:RedBeatSchedulerEntry": (
        "_default_now()",
        "decode_definition(definition)",
        "key",
        "save()",
        "score",
    ),
}


def let_scheduler_take_lock() -> None:
    """Let RedBeat take no lock when beat starts.

    Disconnects ``acquire_distributed_beat_lock``: it waits for the lock before the first tick, and beat ends with the
    first tick if Redis is away meanwhile. To configure no lock is public, and then there is none.
    """
    beat_init.disconnect(acquire_distributed_beat_lock)


def new_lock(client: Redis, key: str, seconds: float) -> Lock:
    """Return a lock as RedBeat makes it: extending it sets its time.

    Uses ``LUA_EXTEND_TO_SCRIPT``: ``acquire_distributed_beat_lock``, which makes RedBeat's own lock, also waits for it.
    """
    lock: Lock = client.lock(key, timeout=seconds)
    replace_extension(lock, client.register_script(LUA_EXTEND_TO_SCRIPT))
    return lock
