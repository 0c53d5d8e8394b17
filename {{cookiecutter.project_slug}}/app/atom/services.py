"""What this package can do. Routes and tasks call these functions; none of them knows how it was called."""

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import select

from app.atom.models import ScoredText
from app.atom.schemas import Score, Statistics
from app.atom.store import Store
from app.database import database, transaction
from shared import contracts


def score_text(text: str) -> Score:
    """Return the mean length of the words, as a stand-in for a model."""
    words = text.split()
    return Score(words=len(words), score=round(sum(map(len, words)) / len(words), 2) if words else 0.0)


def request_score(payload: contracts.ScoreText, key: str | None = None) -> str:
    """Write down a text and the task that scores it, and return the task's id. The task is sent after the commit.

    Since the contract has an outbox, the task is not lost if the broker is away; it is sent later. Asked again with the
    same ``key``, it is the same task.
    """

    def write_down() -> str:
        task_id = str(uuid4())
        with transaction() as session:
            session.add(ScoredText(task_id=task_id, text=payload.text))
        return contracts.SCORE_TEXT.send(payload, task_id=task_id)

    return str(database.once_for(key, payload, write_down))


def keep_score(text: str, task_id: str | None) -> Score:
    """Score a text and keep the score where the text was written down, or anew if somebody else asked for it."""
    score = score_text(text)
    with transaction() as session:
        row = session.scalar(select(ScoredText).where(ScoredText.task_id == task_id)) if task_id else None
        if row is None:
            row = ScoredText(task_id=task_id or "", text=text)
            session.add(row)
        row.words, row.score = score.words, score.score
    return score


def score_batch(texts: list[str], report: Callable[[int, int], None]) -> list[Score]:
    """Score the texts in order; call ``report(done, total)`` after each."""
    scores = []
    for done, text in enumerate(texts, start=1):
        scores.append(score_text(text))
        report(done, len(texts))
    return scores


def count_scored(store: Store, number: int = 1) -> None:
    """Note that texts were scored."""
    store.increment("scored", number)


def refresh_statistics(store: Store, worker: str, queue: str) -> Statistics:
    """Publish the figures anew. ``worker`` and ``queue`` are kept to show who did it."""
    store.write("refreshed_by", worker)
    store.write("refreshed_from", queue)
    # Last, as others wait for it.
    store.increment("refreshes")
    return read_statistics(store)


def read_statistics(store: Store) -> Statistics:
    """Return the figures; zero before the first refresh."""
    return Statistics.model_validate(store.read())


def reset_statistics(store: Store) -> None:
    """Begin to count from zero."""
    store.clear()
