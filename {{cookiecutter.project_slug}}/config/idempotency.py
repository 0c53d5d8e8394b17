"""The key of a request that its client may repeat: the header ``Idempotency-Key``."""

from django.http import HttpRequest
from trinity_celery.transactions import idempotency


def caller_of(request: HttpRequest) -> str:
    """Return who is asking: here whoever has the same credentials. Better the id of the user that they belong to."""
    return request.headers.get("Authorization", "")


def request_key(request: HttpRequest) -> str | None:
    """Return what ``database.once_for`` takes; ``None`` if the client gave no key.

    Raises:
        InvalidKeyError: what it gave is none.
    """
    value = request.headers.get("Idempotency-Key")
    return idempotency.request_key(value, endpoint=f"{request.method} {request.path}", caller=caller_of(request))
