"""Dead letters: what failed for good, kept in Redis with all that it takes to understand it and to send it again.

Arguments are kept as they were sent, since a task cannot be sent again without them; the same server held them as a
message before. Whoever shows a letter shows ``DeadLetter.redacted()``.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from celery import Celery
from kombu.utils.json import dumps, loads
from pydantic import BaseModel, ConfigDict, Field
from redis import Redis
from redis.exceptions import RedisError

from trinity_celery.config.redaction import redact, redact_text
from trinity_celery.config.runtime import runtime_of
from trinity_celery.connections.redis_client import ONE_MORE_ATTEMPT, redis_client
from trinity_celery.connections.scripts import read_script

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
        reason: one of ``trinity_celery.messages.reasons``.
        error: the exception in one line, or what is wrong with the message; at most 2,000 characters.
        failed_at: when it failed.
        queue: where it came from, and where ``replay`` sends it.
        task: its registered name; ``None`` if the message names none.
        task_id: its id; ``None`` if the message names none.
        arguments: of the task; ``None`` if they could not be read, or take more than 1,000,000 bytes.
        keywords: its keyword arguments; ``None`` for the same reasons.
        options: what else ``send_task`` needs to send the same task.
        raw: the beginning of what could not be kept as arguments; at most 10,000 characters.
        traceback: the end of it, at most 20,000 characters; empty if the task was never run.
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
    arguments: list[object] | None = None
    keywords: dict[str, object] | None = None
    options: dict[str, object] = Field(default_factory=dict)
    raw: str = ""
    traceback: str = ""
    retries: int = 0
    worker: str = ""

    @property
    def is_replayable(self) -> bool:
        """Whether everything is there that it takes to send the task again."""
        return None not in (self.task, self.queue, self.arguments, self.keywords)

    def redacted(self) -> dict[str, Any]:
        """Return what people may see: without passwords, tokens and other values whose names are secret.

        ``trinity_celery.config.redact`` says what is left out.
        """
        shown: dict[str, object] = self.model_dump(exclude={"options", "traceback"})
        # Line by line, because of an unfinished value everything up to the end of the text is hidden.
        traceback = "\n".join(redact_text(line) for line in self.traceback.splitlines())
        return redact(shown) | {"failed_at": self.failed_at, "traceback": traceback}


def dead_letter(
    reason: str,
    error: str,
    *,
    arguments: Iterable[object] | None = None,
    keywords: dict[str, Any] | None = None,
    options: dict[str, object] | None = None,
    raw: str = "",
    failed_at: datetime | None = None,
    traceback: str = "",
    queue: str | None = None,
    task: str | None = None,
    task_id: str | None = None,
    retries: int = 0,
    worker: str = "",
) -> DeadLetter:
    """Return a letter whose parts are no longer than what is kept; the arguments are the fields of ``DeadLetter``."""
    try:
        content = dumps([arguments, keywords])
        size = len(content) + len(dumps(options or {}))
    except Exception:  # a task may have put anything into its own arguments
        content = repr([arguments, keywords])
        size = LETTER_BYTES + 1
    if size > LETTER_BYTES:
        arguments = keywords = options = None
        raw = raw or content
    marks = [str(mark) for mark in (task_id, task, queue)]
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
        queue=queue,
        task=task,
        task_id=task_id,
        retries=retries,
        worker=worker,
    )


@dataclass(frozen=True)
class LetterFilter:
    """Which letters somebody asks for; ``None`` stands for any.

    Attributes:
        task: the registered name of the task.
        queue: where it came from.
        reason: one of ``trinity_celery.messages.reasons``.
    """

    task: str | None = None
    queue: str | None = None
    reason: str | None = None

    def includes(self, letter: DeadLetter) -> bool:
        """Return whether a letter is one of them.

        Args:
            letter: any.
        """
        return all(
            wanted in (None, found)
            for wanted, found in (
                (self.task, letter.task),
                (self.queue, letter.queue),
                (self.reason, letter.reason),
            )
        )


def _script(name: str) -> str:
    return read_script("trinity_celery.dead_letters", "common", name)


class DeadLetters:
    """The letters of this project. Each method raises ``redis.RedisError`` if Redis cannot be reached.

    Args:
        client: of the server that keeps them; it decodes responses.
        project: the project's name, with which the names of the keys begin.
        limit: how many letters to keep at most; all of them together also take no more than 100,000,000 bytes.
    """

    def __init__(self, client: Redis, project: str, limit: int) -> None:
        self.client = client
        self.limit = limit
        self.name = f"{project}:dead_letters"
        self._times, self._letters = f"{self.name}:times", f"{self.name}:letters"
        keys = [self._times, self._letters, f"{self.name}:bytes"]
        self._keep = partial(client.register_script(_script("keep")), keys)
        self._remove = partial(client.register_script(_script("remove")), keys)

    def __len__(self) -> int:
        """Return how many there are."""
        return int(self.client.zcard(self._times))

    def keep(self, letter: DeadLetter) -> None:
        """Keep a letter; the oldest have to go when there are too many, and are logged.

        Args:
            letter: replaces one with the same id.
        """
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

        Args:
            identifier: its id.

        Raises:
            LookupError: there is none with this id.
        """
        text = self.client.hget(self._letters, identifier)
        if text is None:
            raise LookupError(f"there is no dead letter {identifier!r}: it was sent again, dropped, or never existed")
        return _parse(str(text))

    def find(self, wanted: LetterFilter | None = None) -> Iterator[DeadLetter]:
        """Yield the letters that are wanted, the newest first.

        Args:
            wanted: which; by default all.
        """
        wanted = wanted or LetterFilter()
        identifiers = [str(each) for each in self.client.zrange(self._times, 0, -1, desc=True)]
        for start in range(0, len(identifiers), 100):
            texts = self.client.hmget(self._letters, identifiers[start : start + 100])
            yield from filter(wanted.includes, (_parse(str(text)) for text in texts if text))

    def remove(self, letter: DeadLetter) -> bool:
        """Remove a letter, unless the same message has failed anew since it was read.

        Args:
            letter: as it was read.

        Returns:
            whether it is gone.
        """
        return bool(self._remove([letter.id, dumps(letter.model_dump())]))

    def drop(self, identifier: str) -> bool:
        """Remove a letter, whatever it says by now.

        Args:
            identifier: its id.

        Returns:
            whether there was one.
        """
        return bool(self._remove([identifier]))


def _parse(text: str) -> DeadLetter:
    return DeadLetter.model_validate(loads(text))


def open_dead_letters(app: Celery) -> DeadLetters:
    """Return the letters of a project, which lie in the server at ``REDIS_URL``.

    Args:
        app: a Celery app of the project, after ``trinity_celery.worker.configure``.
    """
    runtime = runtime_of(app)
    client = redis_client(runtime.settings, retry=ONE_MORE_ATTEMPT)
    return DeadLetters(client, runtime.project.name, runtime.settings.dead_letters_limit)


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
