"""Look at the servers of this project when a process starts, and later at those that were away then."""

from collections.abc import Callable
from threading import Thread
from time import sleep

from celery import Celery
from celery.utils.log import get_logger

from trinity_celery.config.runtime import runtime_of
from trinity_celery.health.redis_servers import refuse_unsafe_servers
from trinity_celery.health.refusals import refuse_refusing_servers

AGAIN = 5  # seconds after which a server that was away is asked again

logger = get_logger(__name__)


class ServerWatch:
    """Looks at each server until it has answered once, and says everything once."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._said: set[str] = set()

    def begin(self, end: Callable[[int], object]) -> None:
        """Log what is wrong with the servers. A thread goes on with those that are away.

        Args:
            end: what that thread calls with an exit status, when this process must not go on.

        Raises:
            SystemExit: a server refuses for good what its URL says, or, outside development, may lose tasks.
        """
        if not self._look():
            Thread(target=self._go_on, args=(end,), daemon=True).start()

    def _go_on(self, end: Callable[[int], object]) -> None:
        try:
            while not self._look():
                sleep(AGAIN)
        except SystemExit:
            end(1)

    def _look(self) -> bool:
        """Log what was not said yet, and return whether all servers were there."""
        try:
            refuse_refusing_servers(self._app)
            problems = refuse_unsafe_servers(runtime_of(self._app).settings)
        except SystemExit as refused:
            for line in str(refused).splitlines():
                logger.critical(line.removeprefix("error: "))
            raise SystemExit(1) from None
        for problem in problems:
            if problem.text not in self._said:
                self._said.add(problem.text)
                unseen = "whether it may lose tasks cannot be seen yet: " if problem.is_away else ""
                logger.warning("%s%s", unseen, problem.text)
        return not any(problem.is_away for problem in problems)
