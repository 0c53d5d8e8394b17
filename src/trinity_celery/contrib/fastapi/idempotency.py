"""The key of a request that its client may repeat: the header ``Idempotency-Key``."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from trinity_celery.transactions import request_key


async def authorization(request: Request) -> str:
    """Return the header ``Authorization``: a caller is whoever has the same credentials."""
    return request.headers.get("Authorization", "")


def request_key_of(caller: Callable[..., Any] = authorization) -> Callable[..., Awaitable[str | None]]:
    """Return a dependency that gives an endpoint what ``database.once_for`` takes; ``None`` without a key.

    Where an API knows its users, let ``caller`` name them, as credentials that are renewed make another caller::

        RequestKey = Annotated[str | None, Depends(request_key_of(user_id))]

    Args:
        caller: a dependency that returns who is asking, as a ``str``.

    Raises:
        InvalidKeyError: in the dependency: what the client gave is none.
    """

    async def key(
        request: Request,
        who: Annotated[str, Depends(caller)],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> str | None:
        return request_key(idempotency_key, endpoint=f"{request.method} {request.url.path}", caller=who)

    return key


RequestKey = Annotated[str | None, Depends(request_key_of())]
"""The type of an endpoint's parameter: the key of the request."""
