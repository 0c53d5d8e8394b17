"""The error answers that all endpoints have in common."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from shared.deadline import BrokerUnavailableError
from shared.payloads import MessageTooLargeError


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    detail = {"detail": f"the task queue is not available: {error}"}
    return JSONResponse(detail, status_code=503, headers={"Retry-After": "5"})


def _too_large(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=413)


def install(app: FastAPI) -> None:
    """Answer 503 wherever the broker does not answer in time or a queue is full, 413 where a message is too large."""
    app.add_exception_handler(MessageTooLargeError, _too_large)
    app.add_exception_handler(BrokerUnavailableError, _unavailable)
