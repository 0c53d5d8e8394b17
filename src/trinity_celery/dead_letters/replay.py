"""What people do with dead letters: look through them, send them again, throw them away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from celery import Celery

from trinity_celery.config.redaction import redact_text
from trinity_celery.connections.timeouts import UNREACHABLE, within_deadline
from trinity_celery.dead_letters.collector import collect_all
from trinity_celery.dead_letters.store import DeadLetter, DeadLetters, LetterFilter, open_dead_letters
from trinity_celery.errors import NotReplayableError

CLAIM = 60  # seconds within which nobody else may send the same letter again

UNAVAILABLE = UNREACHABLE  # what is raised when Redis or the broker is away


def in_one_line(error: BaseException) -> str:
    """Return what ``error`` says, without what is secret."""
    return redact_text(" ".join(str(error).split())) or type(error).__name__


@dataclass(frozen=True)
class Replay:
    """The letters, and the app that sends them again.

    Attributes:
        letters: where they are kept.
        app: which sends.
    """

    letters: DeadLetters
    app: Celery

    def collect(self) -> None:
        """Fetch what the broker has put aside by itself.

        Raises:
            Exception: whatever the broker's client raises when it is away.
        """
        collect_all(self.app, self.letters)

    def find(self, wanted: LetterFilter | None = None) -> Iterator[DeadLetter]:
        """Yield the letters that are wanted, the newest first.

        Args:
            wanted: which; by default all.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        return self.letters.find(wanted)

    def read(self, identifier: str) -> DeadLetter:
        """Return one letter.

        Args:
            identifier: its id.

        Raises:
            LookupError: there is none with this id.
            redis.RedisError: Redis cannot be reached.
        """
        return self.letters.read(identifier)

    def replay(self, letter: DeadLetter) -> str:
        """Send the task again, with the same id and arguments.

        It counts as never tried before, and neither waits nor expires. The letter is removed when the broker has the
        task; who is stopped between the two leaves a letter of a task that was sent.

        Args:
            letter: which ``find`` or ``read`` has returned.

        Returns:
            the task's id.

        Raises:
            NotReplayableError: too little was kept of it, its queue is gone, or somebody else is sending it.
            LookupError: the letter is gone.
            BrokerUnavailableError: the broker did not take the task in time; the letter is still there.
            redis.RedisError: Redis cannot be reached; the letter is still there.
        """
        cannot = f"dead letter {letter.id} cannot be sent again"
        if not letter.is_replayable:
            raise NotReplayableError(f"{cannot}: its task, queue or arguments are not known")
        if letter.queue not in {queue.name for queue in self.app.conf.task_queues}:
            raise NotReplayableError(f"{cannot}: there is no queue {letter.queue!r}")
        claim = f"{self.letters.name}:claims:{letter.id}"
        if not self.letters.client.set(claim, 1, nx=True, ex=CLAIM):
            raise NotReplayableError(f"{cannot} at once: somebody else is sending it")
        try:
            letter = self.letters.read(letter.id)  # unless somebody else has just been faster
            within_deadline(lambda: self._send(letter))
            self.letters.remove(letter)
        finally:
            self.letters.client.delete(claim)
        return letter.task_id or ""

    def _send(self, letter: DeadLetter) -> None:
        options: dict[str, Any] = {**letter.options, "task_id": letter.task_id, "queue": letter.queue}
        self.app.send_task(str(letter.task), letter.arguments, letter.keywords, **options)

    def drop(self, identifier: str) -> None:
        """Throw a letter away.

        Args:
            identifier: its id.

        Raises:
            LookupError: there is none with this id.
            redis.RedisError: Redis cannot be reached.
        """
        if not self.letters.drop(identifier):
            self.letters.read(identifier)


def open_replay(app: Celery) -> Replay:
    """Return the letters of a project together with the app that sends them again.

    Args:
        app: a Celery app of the project, after ``trinity_celery.worker.configure``.
    """
    return Replay(open_dead_letters(app), app)
