"""HTTP endpoints of the worked example."""

from fastapi import APIRouter, Request, Response
from trinity_celery.contrib.fastapi.idempotency import RequestKey
from trinity_celery.contrib.fastapi.responses import Accepted, accepted

from app.atom import services
from app.atom.schemas import Statistics
from app.atom.store import get_store
from shared import contracts

router = APIRouter(prefix="/atom")


@router.post("/scores", status_code=202)
def request_score(payload: contracts.ScoreText, request: Request, response: Response, key: RequestKey) -> Accepted:
    """Have one text scored; asked for twice with the same Idempotency-Key, it is scored once."""
    return accepted(request, response, services.request_score(payload, key))


@router.post("/batches", status_code=202)
async def request_batch(payload: contracts.ScoreBatch, request: Request, response: Response) -> Accepted:
    """Have many texts scored; the status says how far that has come."""
    return accepted(request, response, await contracts.SCORE_BATCH.send_async(payload))


# jinja: if cookiecutter.use_django
@router.post("/reports", status_code=202)
async def request_report(
    payload: contracts.CreateReport, request: Request, response: Response, key: RequestKey
) -> Accepted:
    """Have a report written by the other service, whose code is not imported here.

    Nothing is written down here, so the Idempotency-Key goes with the task: each request has a task of its own, and all
    of them one report.
    """
    return accepted(request, response, await contracts.CREATE_REPORT.send_async(payload, idempotency_key=key))


# jinja: endif
@router.get("/statistics")
def statistics() -> Statistics:
    """Return the figures that the schedule refreshes."""
    return services.read_statistics(get_store())
