"""The error answers that all endpoints have in common."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from shared.sending import BrokerUnavailableError


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    detail = {"detail": f"the task queue is not available: {error}"}
    return JSONResponse(detail, status_code=503, headers={"Retry-After": "5"})


def install(app: FastAPI) -> None:
    """Answer 503 wherever the broker or the result backend does not answer in time."""
    app.add_exception_handler(BrokerUnavailableError, _unavailable)
