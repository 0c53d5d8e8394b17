"""Tasks of the FastAPI service. Each calls one service function and returns plain data.

What has a contract in ``shared/contracts.py`` gets arguments that fit it: they are checked before the task starts.

The Celery app finds this module by itself, like any ``tasks.py`` in a package of ``app``. A task's name is its path;
where it goes follows from its package (``shared/queues.py``).
"""

from functools import partial
from typing import Any

from redis.exceptions import ConnectionError, TimeoutError
from sqlalchemy.exc import OperationalError
from trinity_celery.messages import report_progress
from trinity_celery.worker import retry_on

from app.atom import services
from app.atom.store import get_store
from app.celery_app import celery_app
from app.database import database

# A server that is away for a moment.
RETRY = retry_on(ConnectionError, TimeoutError, OperationalError)
# Of all workers together.
TEN_A_SECOND: dict[str, Any] = {"shared_rate_limit": "10/s"}


@celery_app.task(ignore_result=False)
def ping() -> str:
    """Answer; the status of the task tells which worker did."""
    return "pong"


@celery_app.task(bind=True, ignore_result=False, **RETRY)
def score_text(self: Any, text: str) -> Any:
    """Score one text and keep the score, once."""

    def score() -> dict[str, Any]:
        kept = services.keep_score(text, self.request.id)
        services.count_scored(get_store())
        return kept.model_dump()

    # Delivered again, or sent again with the same key, it must not be kept a second time.
    return database.once(self, score)


@celery_app.task(bind=True, ignore_result=False, **RETRY)
def score_batch(self: Any, texts: list[str]) -> list[dict[str, Any]]:
    """Score many texts and say how far it has come."""
    scores = services.score_batch(texts, partial(report_progress, self))
    services.count_scored(get_store(), len(scores))
    return [score.model_dump() for score in scores]


@celery_app.task(ignore_result=False, **TEN_A_SECOND)
def call_partner(text: str) -> str:
    """Call somebody who allows ten calls a second, from all workers together."""
    return f"called about {text}"


@celery_app.task(bind=True, **RETRY)
def refresh_statistics(self: Any) -> dict[str, Any]:
    """Publish the figures; the schedule starts it."""
    request = self.request
    figures = services.refresh_statistics(get_store(), request.hostname, request.delivery_info["routing_key"])
    return figures.model_dump()


@celery_app.task(**RETRY)
def reset_statistics() -> None:
    """Begin to count from zero; the schedule starts it."""
    services.reset_statistics(get_store())
