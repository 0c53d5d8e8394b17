"""RedBeat's scheduler, which goes on by itself after Redis was away, was replaced by another server or was emptied.

RedBeat's own ends in each of these cases. https://github.com/sibson/redbeat/issues/230
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from time import sleep
from typing import Any, Self

from celery.utils.log import get_logger
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder
from redbeat.schedulers import RedBeatScheduler, RedBeatSchedulerEntry, get_redis
from redis.exceptions import LockNotOwnedError, RedisError
from redis.lock import Lock

from trinity_celery._compat.redbeat import let_scheduler_take_lock, new_lock
from trinity_celery.beat.crontabs import ZonedCrontab, zoned
from trinity_celery.config.runtime import runtime_of
from trinity_celery.health.heartbeat import PATIENCE, WORKING, heartbeat_of
from trinity_celery.health.refusals import describe_refusal

PAUSE = 1.0  # seconds between attempts while Redis cannot be used
WAITING_FOR_LOCK = "waiting for the lock"
WAITING_FOR_REDIS = "waiting for Redis"

logger = get_logger(__name__)

let_scheduler_take_lock()


class Encoder(RedBeatJSONEncoder):  # type: ignore[misc]
    """Keeps the time zone of a crontab that has one of its own, which RedBeat's leaves out."""

    def default(self, value: object) -> object:
        """Return ``value`` as something that JSON knows."""
        encoded = super().default(value)
        if isinstance(value, ZonedCrontab) and value.timezone:
            encoded |= {"__type__": ZonedCrontab.__name__, "timezone": value.timezone}
        return encoded


class Decoder(RedBeatJSONDecoder):  # type: ignore[misc]
    """Reads what ``Encoder`` has written."""

    def dict_to_object(self, value: dict[str, Any]) -> object:
        """Return what ``value`` stands for."""
        if value.get("__type__") == ZonedCrontab.__name__:
            return ZonedCrontab(**{name: field for name, field in value.items() if name != "__type__"})
        return super().dict_to_object(value)


class Entry(RedBeatSchedulerEntry):  # type: ignore[misc]
    """An entry that keeps the time zone of its crontab, and its last run in UTC.

    RedBeat keeps a local time as its clock shows it. In the hour that a clock shows twice, that is an hour off.
    """

    def __init__(
        self, name: object = None, task: object = None, schedule: object = None, *more: object, **options: object
    ) -> None:
        super().__init__(name, task, zoned(schedule), *more, **options)

    @staticmethod
    def decode_definition(definition: str) -> object:
        """Return the fields of an entry in Redis."""
        return json.loads(definition, cls=Decoder)

    def default_now(self) -> datetime:
        """Return the time at which an entry runs that runs now."""
        return datetime.now(UTC)

    _default_now = default_now  # what RedBeat calls

    def save(self) -> Self:
        """Write the entry into Redis, as RedBeat does, and its time zone too."""
        fields = ("name", "task", "args", "kwargs", "options", "schedule", "enabled")
        definition = {field: getattr(self, field) for field in fields}
        with get_redis(self.app).pipeline() as pipe:
            pipe.hset(self.key, "definition", json.dumps(definition, cls=Encoder))
            pipe.hsetnx(self.key, "meta", json.dumps({"last_run_at": self.last_run_at}, cls=Encoder))
            pipe.zadd(self.app.redbeat_conf.schedule_key, {self.key: self.score})
            pipe.execute()
        return self


class Scheduler(RedBeatScheduler):  # type: ignore[misc]
    """Takes the lock as often as it is lost, and gives the schedule back to a server that has lost it.

    Attributes:
        doing: what the heartbeat says.
    """

    Entry = Entry
    lock: Lock | None
    doing = WAITING_FOR_LOCK
    _looked_at: datetime | None = None  # all that was due then has been sent
    _has_looked = False  # at the lock or at the schedule
    _holds_lock = False
    _problem = ""
    _is_begun = False  # of the class: whether a scheduler of this process is being made

    def setup_schedule(self) -> None:
        """Write the schedule of the code into Redis, as soon as that can be used.

        Raises:
            SystemExit: Redis refuses what the URL says, or beat is to stop.
        """
        if Scheduler._is_begun:
            # Celery's handler of SIGTERM asks for the scheduler, and would wait here for another one.
            raise SystemExit
        Scheduler._is_begun = True
        try:
            while True:
                try:
                    super().setup_schedule()
                    self._problem = ""
                    return
                except RedisError as error:
                    self._report(error)
                    heartbeat_of(self.app).write(WAITING_FOR_REDIS, PATIENCE)
                    sleep(PAUSE)
        finally:
            Scheduler._is_begun = False

    def tick(self, *args: object, **options: object) -> float:
        """Send what is due if this beat has the lock, and return after how many seconds to look again.

        Raises:
            SystemExit: Redis refuses what the URL says.
        """
        try:
            if not self._holds_lock and not self._take_lock():
                self.doing, self._has_looked = WAITING_FOR_LOCK, True
                return float(self.max_interval)
            now = datetime.now(UTC)
            pause = super().tick(*args, **options)
        except LockNotOwnedError:
            logger.warning("beat: the lock is gone: Redis was emptied or replaced, or this beat stood still; taking it")
            self._holds_lock = False
            return 0.0
        except RedisError as error:
            self._report(error)
            return PAUSE
        self.doing, self._looked_at, self._has_looked, self._problem = WORKING, now, True, ""
        return float(pause)

    def close(self) -> None:
        """Give the lock back, if Redis can be reached; else it runs out."""
        with suppress(RedisError):
            super().close()

    def _take_lock(self) -> bool:
        client = get_redis(self.app)
        if self.lock is None:
            self.lock = new_lock(client, self.lock_key, self.lock_timeout)
        if not self.lock.acquire(blocking=False):
            return False
        logger.info("beat: Acquired lock")
        if self._has_looked and not client.exists(self.app.redbeat_conf.schedule_key):
            logger.warning("beat: Redis has lost the schedule: entries that were added at run time are gone")
        self.setup_schedule()
        self._holds_lock = True
        return True

    def _maybe_entry(self, name: str, entry: object) -> object:
        """Return an entry of the code; what was due since this beat last looked is not forgotten with the server."""
        found = super()._maybe_entry(name, entry)
        if self._looked_at:
            found.last_run_at = self._looked_at
        return found

    def _report(self, error: RedisError) -> None:
        """Say it once."""
        self.doing = WAITING_FOR_REDIS
        if refusal := describe_refusal("REDIS_URL", runtime_of(self.app).settings.redis_url, error):
            logger.error(refusal)
            raise SystemExit(1) from None
        if str(error) != self._problem:
            logger.warning("beat: Redis cannot be used; trying again every %s s: %s", PAUSE, error)
        self._problem = str(error)
