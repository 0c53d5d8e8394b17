"""The key of a request that its client may repeat: the header ``Idempotency-Key``."""

from typing import Annotated

from fastapi import Depends, Header, Request
from trinity_celery.transactions import request_key


def caller_of(request: Request) -> str:
    """Return who is asking: here whoever has the same credentials. Better the id of the user that they belong to."""
    return request.headers.get("Authorization", "")


async def _request_key(request: Request, idempotency_key: Annotated[str | None, Header()] = None) -> str | None:
    endpoint = f"{request.method} {request.url.path}"
    return request_key(idempotency_key, endpoint=endpoint, caller=caller_of(request))


# For ``database.once_for``.
RequestKey = Annotated[str | None, Depends(_request_key)]
