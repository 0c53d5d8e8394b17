"""The error answers that all endpoints have in common."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from trinity_celery.errors import (
    KEY_REUSED,
    BrokerUnavailableError,
    InvalidKeyError,
    KeyReusedError,
    MessageTooLargeError,
)


def unavailable(what: str, error: Exception) -> HTTPException:
    """Return 503: what is missing, and that trying again later is right."""
    return HTTPException(503, f"{what} is not available: {error}", {"Retry-After": "5"})


async def _not_sent(request: Request, error: Exception) -> Response:
    return await http_exception_handler(request, unavailable("the task queue", error))


def _invalid_body(request: Request, error: Exception) -> JSONResponse:
    # FastAPI's own handler quotes the input, of which JSON cannot hold everything.
    assert isinstance(error, RequestValidationError)
    said = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
    return JSONResponse({"detail": said}, status_code=422)


def _too_large(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=413)


def _invalid_key(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=400)


def _key_reused(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": f"Idempotency-Key: {KEY_REUSED}"}, status_code=422)


def add_error_handlers(application: FastAPI) -> None:
    """Answer 503 wherever the broker does not answer in time or a queue is full, 413 where a message is too large.

    A bad body is answered by 422. An ``Idempotency-Key`` is answered by 400 if it is none, by 422 if it was used for
    another payload.
    """
    application.add_exception_handler(RequestValidationError, _invalid_body)
    application.add_exception_handler(InvalidKeyError, _invalid_key)
    application.add_exception_handler(KeyReusedError, _key_reused)
    application.add_exception_handler(MessageTooLargeError, _too_large)
    application.add_exception_handler(BrokerUnavailableError, _not_sent)
