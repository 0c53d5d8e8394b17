"""Leases on messages in Redis: who is to acknowledge a message, and until when.

Kombu takes a message off its queue and notes it as unacknowledged in a second step. A worker that is killed between
the two has lost it for good; otherwise it comes back only after the visibility timeout.
https://github.com/celery/kombu/issues/305

Here one script takes a message and notes its lease. A thread renews the leases of this process, and puts messages of
others back into their queues when their lease has run out. Queues, messages and the notes about unacknowledged ones
stay as kombu has them, so that Celery with its own transport may work on the same queues.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha1
from time import monotonic
from typing import Any

from kombu.log import get_logger
from kombu.utils.encoding import bytes_to_str
from redis import ConnectionPool, Redis
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.typing import EncodableT

from trinity_celery.connections.scripts import read_script

RENEWALS = 5  # in the time of one lease
RETRY = 1.0  # seconds, while the server cannot be reached
TURN = 0.05  # seconds; a loop that has not turned for so long may have ended

logger = get_logger(__name__)

QUARANTINE = "unclaimed"  # the list of what was put aside
KEYS = ("leases", "leased", "deliveries", QUARANTINE, "unacked", "unacked_index")  # see lua/common.lua


def _script(name: str) -> str:
    return read_script("trinity_celery.brokers.redis", "common", name)


CLAIM = _script("claim")
CLAIM_HASH = sha1(CLAIM.encode(), usedforsecurity=False).hexdigest()


class Leases:
    """The messages that this process has taken from one server and not yet acknowledged."""

    def __init__(self, connection: Mapping[str, Any], prefix: str, lease: float, delivery_limit: int) -> None:
        """Take the arguments of a connection, the prefix of all keys, seconds, and how often a message may be lost."""
        timeout = {"socket_timeout": max(lease / RENEWALS, 0.5)}
        self._client = Redis(connection_pool=ConnectionPool(**{**connection, **timeout}))
        self._scripts: dict[str, Script] = {}
        self._keys = [f"{prefix}{name}" for name in KEYS]
        self._lease = lease
        self._limit = delivery_limit
        self._held: dict[str, None] = {}
        self._done: deque[str] = deque()  # acknowledged, and not yet on the way to the server
        self._settlements: dict[str, Callable[[], object]] = {}  # what the server has not yet confirmed
        self._loop, self._turned_at = 0, 0.0  # the thread of the loop, and when that last turned
        self._seen_at = 0.0  # by the server's clock
        self._recovers_from = monotonic() + lease / 2  # after an outage others may need a moment to come back
        self._thread: threading.Thread | None = None
        self.busy = threading.Lock()

    def begin(self) -> None:
        """Renew leases from now on, and look for those that have run out."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew_for_ever, name="leases", daemon=True)
            self._thread.start()

    def claim_command(self, lists: Mapping[str, str], wanted: int, done: list[str], *, whole: bool) -> list[object]:
        """Return the command that takes messages from ``lists``, keys to names of queues, and forgets others.

        Args:
            lists: where to look, in this order.
            wanted: how many messages to take at most.
            done: tags of messages to forget, from ``take_done``.
            whole: send the script and not only its hash.
        """
        script = ("EVAL", CLAIM) if whole else ("EVALSHA", CLAIM_HASH)
        keys = [*self._keys, *lists]
        return [*script, len(keys), *keys, self._lease, wanted, *lists.values(), *done]

    def hold(self, tag: str) -> None:
        """Renew the lease of a message until it is acknowledged or given back."""
        self._held[tag] = None

    def holds(self, tag: str) -> bool:
        """Return whether this process is to acknowledge the message."""
        return tag in self._held

    def acknowledge(self, tag: str) -> None:
        """Forget a message: within the loop's next turn, or at once if none turns; or when the server is back."""
        self._held.pop(tag, None)
        # Until the server has confirmed it: Celery does not try a second time, and a task that is done would run again.
        self._settlements[tag] = partial(self._run, "acknowledge", tag)
        self._done.append(tag)
        if threading.get_ident() != self._loop or monotonic() - self._turned_at > TURN:
            self.flush()

    def take_done(self) -> list[str]:
        """Return the tags of messages to forget; they are tried again until ``confirm`` gets them."""
        tags = []
        with suppress(IndexError):  # a thread may take them at the same time
            while True:
                tags.append(self._done.popleft())
        return tags

    def confirm(self, tags: Iterable[str]) -> None:
        """Note that the server has forgotten these messages."""
        for tag in tags:
            self._settlements.pop(tag, None)

    def flush(self) -> None:
        """Let the server forget what was acknowledged."""
        if tags := self.take_done():
            with suppress(RedisError, OSError):  # the thread tries again
                self._run("acknowledge", *tags)
                self.confirm(tags)

    def turn(self, *, claiming: bool) -> None:
        """Note that the loop turns, and let the server forget what was acknowledged since it last did.

        While a claim is under way, that waits for the next one, which comes as soon as this one has its answer.
        """
        if not claiming:
            self.flush()
        self._loop, self._turned_at = threading.get_ident(), monotonic()

    def give_back(self, tags: Iterable[str], command: str = "RPUSH") -> None:
        """Put messages back into their queues: ``RPUSH`` to be the next, ``LPUSH`` to be the last."""
        for tag in tags:
            self._settle(tag, lambda tag=tag: self._run("give_back", command, tag))  # type: ignore[misc]

    def set_aside(self, tag: str) -> None:
        """Take a message that cannot be understood out of its queue for good."""
        self._settle(tag, lambda: self._run("set_aside", tag))

    def give_back_all_but(self, tags: set[str]) -> None:
        """Put back what this process holds, except for ``tags``, and forget what it has done."""
        self.flush()
        self.give_back([tag for tag in list(self._held) if tag not in tags])

    def _settle(self, tag: str, settlement: Callable[[], object]) -> None:
        self._held.pop(tag, None)
        try:
            settlement()
        except (RedisError, OSError):
            self._settlements[tag] = settlement

    def _run(self, script: str, *arguments: EncodableT) -> Any:
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(_script(script))
        return self._scripts[script](keys=self._keys, args=arguments)

    def _renew_for_ever(self) -> None:
        pause = threading.Event()
        interval = self._lease / RENEWALS
        in_touch = True
        while True:
            try:
                with self.busy:
                    self._renew()
                in_touch = True
            except (RedisError, OSError) as error:
                if in_touch:
                    logger.warning("leases cannot be renewed: %s", error)
                in_touch = False
            except Exception:
                logger.exception("leases cannot be renewed")
            pause.wait(interval if in_touch else min(interval, RETRY))

    def _renew(self) -> None:
        for tag, settlement in list(self._settlements.items()):
            settlement()
            self._settlements.pop(tag, None)
        seen_at, *lost = map(bytes_to_str, self._run("renew", self._lease, *list(self._held)))
        for tag in lost:
            # Acknowledged in the meantime, unless this process stood still for longer than a lease.
            if self._held.pop(tag, self) is not self:
                logger.warning("the message %s is not leased any more: the broker lost it, or gave it to others", tag)
        self._note_time(float(seen_at))
        if monotonic() >= self._recovers_from and (count := self._run("recover", self._limit)):
            logger.warning("%s messages whose worker is gone were put back into their queues", count)

    def _note_time(self, seen_at: float) -> None:
        """Give every worker a whole lease to come back after a time in which the server could not be reached."""
        if self._seen_at and seen_at - self._seen_at > self._lease / 2:
            self._recovers_from = monotonic() + self._lease
        self._seen_at = seen_at


_leases: dict[tuple[object, ...], Leases] = {}


def leases_on(connection: Mapping[str, object], prefix: str, lease: float, delivery_limit: int) -> Leases:
    """Return what this process has leased from the server that ``connection`` leads to."""
    place = (*(connection.get(name) for name in ("host", "port", "path", "db")), prefix)
    if place not in _leases:
        _leases[place] = Leases(connection, prefix, lease, delivery_limit)
    return _leases[place]


def give_back_all_but(tags: set[str]) -> None:
    """Put back all messages that this process has leased, except for those with ``tags``."""
    for leases in _leases.values():
        leases.give_back_all_but(tags)


def flush() -> None:
    """Let every server forget what this process has acknowledged."""
    for leases in _leases.values():
        leases.flush()


def _wait_for_renewals() -> None:
    for leases in _leases.values():
        leases.busy.acquire()


def _go_on_renewing() -> None:
    for leases in _leases.values():
        leases.busy.release()


# A child process must not be forked while the thread holds some lock of a library, and renews nothing itself.
os.register_at_fork(before=_wait_for_renewals, after_in_parent=_go_on_renewing, after_in_child=_leases.clear)
