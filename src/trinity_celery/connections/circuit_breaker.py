"""A circuit breaker: what has just kept somebody waiting in vain is not asked again by everybody."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

from trinity_celery.connections.timeouts import UNREACHABLE
from trinity_celery.errors import BrokerUnavailableError

PAUSE = 0.5  # seconds


class Breaker:
    """Refuses at once what would wait for a server that has just kept somebody waiting in vain.

    Without it, each request in turn would wait for a broker that is frozen, and occupy a thread of a web server all
    the while. Once every ``PAUSE`` seconds one call may try.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was, as in a process that was forked."""
        self._problem = ""
        self._try_at = 0.0
        self._trying = Lock()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Watch what is done in the context.

        Raises:
            BrokerUnavailableError: before the context is entered, which then is not.
        """
        tries = bool(self._problem)
        if tries and (monotonic() < self._try_at or not self._trying.acquire(blocking=False)):
            raise BrokerUnavailableError(self._problem)
        began = monotonic()
        try:
            yield
            self._problem = ""
        except UNREACHABLE as error:
            # What is refused at once occupies nobody, and may work again the next moment.
            self._problem = str(error) if monotonic() - began >= PAUSE else ""
            self._try_at = monotonic() + PAUSE
            raise
        finally:
            if tries:
                self._trying.release()
