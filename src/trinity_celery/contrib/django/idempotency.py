"""The key of a request that its client may repeat: the header ``Idempotency-Key``."""

from django.http import HttpRequest

from trinity_celery.transactions import idempotency


def request_key(request: HttpRequest, *, caller: str | None = None) -> str | None:
    """Return what ``database.once_for`` takes; ``None`` if the client gave no key.

    Args:
        request: what the client asks for.
        caller: who is asking, such as the id of a user; by default whoever has the same header ``Authorization``.

    Raises:
        InvalidKeyError: what the client gave is none.
    """
    value = request.headers.get("Idempotency-Key")
    who = request.headers.get("Authorization", "") if caller is None else caller
    return idempotency.request_key(value, endpoint=f"{request.method} {request.path}", caller=who)
