"""Dead letters: what failed for good, kept in Redis with all that it takes to understand it and to send it again.

Arguments are kept as they were sent, since a task cannot be sent again without them; the same server held them as a
message before. Whoever shows a letter shows ``DeadLetter.redacted()``.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kombu.message import Message
from kombu.utils.json import dumps, loads
from pydantic import BaseModel, ConfigDict, Field
from redis import Redis
from redis.exceptions import RedisError

from shared.environment import load
from shared.layout import PROJECT
from shared.messages import decode, options_of
from shared.redaction import redact, redact_text
from shared.redis_client import ONE_MORE_ATTEMPT, redis_client
from shared.settings import CelerySettings, all_queues

# Why a letter is dead.
FAILED = "failed"
PAYLOAD = "payload"
KEY_REUSED = "key reused"
TIME_LIMIT = "time limit"
CRASH_LIMIT = "crash limit"
UNKNOWN_TASK = "unknown task"
UNDECODABLE = "undecodable"
GARBAGE = "garbage"
REJECTED = "rejected"
REASONS = (FAILED, PAYLOAD, KEY_REUSED, TIME_LIMIT, CRASH_LIMIT, UNKNOWN_TASK, UNDECODABLE, GARBAGE, REJECTED)

MOST_BYTES = 100_000_000  # of all letters together, whatever DEAD_LETTERS_LIMIT says
LETTER_BYTES = 1_000_000  # of a task's arguments and options; with more it is kept in part, and cannot be sent again
RAW_CHARACTERS = 10_000
NAME_CHARACTERS = 500
ERROR_CHARACTERS = 2_000
TRACEBACK_CHARACTERS = 20_000

logger = logging.getLogger(__name__)


class DeadLetter(BaseModel):
    """One task, or one message that never became a task.

    Attributes:
        id: the same for the same message, so that keeping it twice makes one letter.
        reason: one of ``REASONS``.
        error: the exception in one line, or what is wrong with the message.
        queue: where it came from, and where ``replay`` sends it.
        task, task_id: ``None`` if the message names none.
        arguments, keywords: of the task; ``None`` if they could not be read or are too large to keep.
        options: what else ``send_task`` needs to send the same task.
        raw: the beginning of what could not be kept as arguments.
        retries: how often the task was tried again.
        worker: the node that ran it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    reason: str
    error: str
    failed_at: datetime
    queue: str | None = None
    task: str | None = None
    task_id: str | None = None
    arguments: list[Any] | None = None
    keywords: dict[str, Any] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    raw: str = ""
    traceback: str = ""
    retries: int = 0
    worker: str = ""

    @property
    def is_replayable(self) -> bool:
        """Whether everything is there that it takes to send the task again."""
        return None not in (self.task, self.queue, self.arguments, self.keywords)

    def redacted(self) -> dict[str, Any]:
        """Return what people may see: without passwords, tokens and other values whose names are secret."""
        shown = self.model_dump(exclude={"options", "traceback"})
        # Line by line, because of an unfinished value everything up to the end of the text is hidden.
        traceback = "\n".join(redact_text(line) for line in self.traceback.splitlines())
        return dict(redact(shown)) | {"failed_at": self.failed_at, "traceback": traceback}


def dead_letter(
    reason: str,
    error: str,
    *,
    arguments: Any = None,
    keywords: Any = None,
    options: dict[str, Any] | None = None,
    raw: str = "",
    failed_at: datetime | None = None,
    traceback: str = "",
    **fields: Any,
) -> DeadLetter:
    """Return a letter whose parts are no longer than what is kept; ``fields`` are those of ``DeadLetter``."""
    try:
        content = dumps([arguments, keywords])
        size = len(content) + len(dumps(options or {}))
    except Exception:  # a task may have put anything into its own arguments
        content = repr([arguments, keywords])
        size = LETTER_BYTES + 1
    if size > LETTER_BYTES:
        arguments = keywords = options = None
        raw = raw or content
    fields["queue"] = _queue_name(fields.get("queue"))
    marks = [str(fields.get(name)) for name in ("task_id", "task", "queue")]
    return DeadLetter(
        id=hashlib.sha256("\0".join([*marks, content, raw]).encode(errors="replace")).hexdigest()[:12],
        reason=reason,
        error=error[:ERROR_CHARACTERS],
        arguments=None if arguments is None else list(arguments),
        keywords=keywords,
        options=options or {},
        raw=raw[:RAW_CHARACTERS],
        failed_at=failed_at or datetime.now(UTC),
        traceback=traceback[-TRACEBACK_CHARACTERS:],
        **fields,
    )


def _queue_name(routing_key: str | None) -> str | None:
    """Return the queue to which a routing key leads; a broker that delays tasks puts the way there before its name."""
    names = [name for name in all_queues() if f".{routing_key}".endswith(f".{name}")]
    return max(names, key=len, default=routing_key)


def letter_of(message: Message, reason: str, error: str, **fields: Any) -> DeadLetter:
    """Return the letter of a message that became no task; ``fields`` are those of ``DeadLetter``."""
    decoded = decode(message)
    headers = decoded.headers if isinstance(decoded.headers, dict) else {}
    for name, header in (("task", "task"), ("task_id", "id")):
        if isinstance(headers.get(header), str):
            fields[name] = headers[header][:NAME_CHARACTERS]
    fields.setdefault("queue", (message.delivery_info or {}).get("routing_key"))
    if decoded.problem is not None:
        raw = message.body if isinstance(message.body, bytes) else str(message.body).encode(errors="replace")
        return dead_letter(reason, error, raw=raw.decode(errors="backslashreplace"), **fields)
    arguments, keywords, _ = decoded.body
    context = decoded.context
    fields |= {"options": options_of(context), "retries": context.retries or 0}
    return dead_letter(reason, error, arguments=arguments, keywords=keywords, **fields)


@dataclass(frozen=True)
class Wanted:
    """Which letters somebody asks for; ``None`` stands for any."""

    task: str | None = None
    queue: str | None = None
    reason: str | None = None

    def includes(self, letter: DeadLetter) -> bool:
        """Return whether ``letter`` is one of them."""
        return all(
            wanted in (None, found)
            for wanted, found in (
                (self.task, letter.task),
                (self.queue, letter.queue),
                (self.reason, letter.reason),
            )
        )


# What every script begins with. `bytes` counts what the letters hold. What takes memory comes after what frees some, or
# a server that is full refuses it.
COMMON = """
local times, letters, bytes = unpack(KEYS)

local function remove(id)
    local length = redis.call('HSTRLEN', letters, id)
    redis.call('HDEL', letters, id)
    local count = redis.call('ZREM', times, id)
    redis.call('DECRBY', bytes, length)
    return count
end
"""

# ARGV: id, time, letter, most letters, most bytes. Returns what had to go.
KEEP = """
remove(ARGV[1])
redis.call('ZADD', times, ARGV[2], ARGV[1])
redis.call('HSET', letters, ARGV[1], ARGV[3])
redis.call('INCRBY', bytes, #ARGV[3])
local gone = {}
while redis.call('ZCARD', times) > tonumber(ARGV[4]) or tonumber(redis.call('GET', bytes)) > tonumber(ARGV[5]) do
    local oldest = redis.call('ZRANGE', times, 0, 0)[1]
    if not oldest then break end
    remove(oldest)
    table.insert(gone, oldest)
end
return gone
"""

# ARGV: id, and the letter as it was read unless it does not matter.
REMOVE = """
if ARGV[2] and redis.call('HGET', letters, ARGV[1]) ~= ARGV[2] then return 0 end
return remove(ARGV[1])
"""


class DeadLetters:
    """The letters of this project. Each method raises ``redis.RedisError`` if Redis cannot be reached."""

    def __init__(self, client: Redis, limit: int) -> None:
        """Take a client that decodes responses, and how many letters to keep at most."""
        self.client = client
        self.limit = limit
        self.name = f"{PROJECT}:dead_letters"
        self._times, self._letters = f"{self.name}:times", f"{self.name}:letters"
        keys = [self._times, self._letters, f"{self.name}:bytes"]
        self._keep = partial(client.register_script(COMMON + KEEP), keys)
        self._remove = partial(client.register_script(COMMON + REMOVE), keys)

    def __len__(self) -> int:
        """Return how many there are."""
        return int(self.client.zcard(self._times))  # type: ignore[arg-type]

    def keep(self, letter: DeadLetter) -> None:
        """Keep a letter; the oldest have to go when there are too many, and are logged."""
        text = dumps(letter.model_dump())
        gone = self._keep([letter.id, letter.failed_at.timestamp(), text, self.limit, MOST_BYTES])
        if gone:
            logger.warning(
                "dead letters: there are too many (DEAD_LETTERS_LIMIT is %s, %s bytes in all): the oldest are gone: %s",
                self.limit,
                MOST_BYTES,
                ", ".join(gone),
            )

    def read(self, identifier: str) -> DeadLetter:
        """Return one letter.

        Raises:
            LookupError: there is none with this id.
        """
        text = self.client.hget(self._letters, identifier)
        if text is None:
            raise LookupError(f"there is no dead letter {identifier!r}: it was sent again, dropped, or never existed")
        return _parse(str(text))

    def find(self, wanted: Wanted | None = None) -> Iterator[DeadLetter]:
        """Yield the letters that are wanted, the newest first."""
        wanted = wanted or Wanted()
        identifiers: Any = self.client.zrange(self._times, 0, -1, desc=True)
        for start in range(0, len(identifiers), 100):
            texts: Any = self.client.hmget(self._letters, identifiers[start : start + 100])
            yield from filter(wanted.includes, (_parse(text) for text in texts if text))

    def remove(self, letter: DeadLetter) -> bool:
        """Remove a letter, unless the same message has failed anew since it was read. Return whether it is gone."""
        return bool(self._remove([letter.id, dumps(letter.model_dump())]))

    def drop(self, identifier: str) -> bool:
        """Remove the letter with this id. Return whether there was one."""
        return bool(self._remove([identifier]))


def _parse(text: str) -> DeadLetter:
    return DeadLetter.model_validate(loads(text))


def open_dead_letters() -> DeadLetters:
    """Return the letters of the server at ``REDIS_URL``.

    Raises:
        SystemExit: a variable has a bad value.
    """
    return DeadLetters(redis_client(retry=ONE_MORE_ATTEMPT), load(CelerySettings).dead_letters_limit)


def keep_or_log(letters: DeadLetters, letter: DeadLetter) -> bool:
    """Keep a letter; if that cannot be done, log all that may be shown of it, and return ``False``."""
    try:
        letters.keep(letter)
    except (RedisError, OSError) as error:
        logger.error("dead letter that could not be kept (%s): %s", error, dumps(letter.redacted()))
        return False
    what = (letter.id, letter.task, letter.queue, letter.reason, redact_text(letter.error))
    logger.error("dead letter %s: %s, queue %s: %s: %s", *what)
    return True
