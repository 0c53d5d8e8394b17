"""What this package can do. Routes and tasks call these functions; none of them knows how it was called."""

from collections.abc import Callable

from app.atom.schemas import Score, Statistics
from app.atom.store import Store


def score_text(text: str) -> Score:
    """Return the mean length of the words, as a stand-in for a model."""
    words = text.split()
    return Score(words=len(words), score=round(sum(map(len, words)) / len(words), 2) if words else 0.0)


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
    store.increment("refreshes")
    store.write("refreshed_by", worker)
    store.write("refreshed_from", queue)
    return read_statistics(store)


def read_statistics(store: Store) -> Statistics:
    """Return the figures; zero before the first refresh."""
    return Statistics.model_validate(store.read())


def reset_statistics(store: Store) -> None:
    """Begin to count from zero."""
    store.clear()
