"""Endpoints that belong to no package: a ping for every queue."""

from fastapi import APIRouter, HTTPException, Request, Response
from trinity_celery.contrib.fastapi.responses import Accepted, accepted

from shared.contracts import PINGS, Ping

router = APIRouter()


@router.post("/queues/{queue}/ping", status_code=202)
async def ping(queue: str, request: Request, response: Response) -> Accepted:
    """Send a task to a queue that only answers which worker took it."""
    if queue not in PINGS:
        raise HTTPException(404, f"no queue {queue!r}: use one of {', '.join(PINGS)}")
    return accepted(request, response, await PINGS[queue].send_async(Ping()))
