"""FastAPI's application: ``uvicorn app.main:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from trinity_celery.brokers import find_broker

from app import common, errors
from app.atom import router as atom
from app.celery_app import celery_app
from shared.queues import PROJECT


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Close the connections to the broker when the service ends; the first task that is sent opens them."""
    yield
    await find_broker(celery_app.conf.broker_url).close_async()


def create_app() -> FastAPI:
    """Return the application with its routes and error answers."""
    application = FastAPI(title=PROJECT.name, lifespan=lifespan)
    # Importing the Celery app makes it the one through which the shared contracts send.
    application.state.celery_app = celery_app
    # Now, and not with the first task that is sent: a task that cannot run ends the process.
    celery_app.finalize()
    application.include_router(common.router)
    application.include_router(atom.router)
    errors.install(application)
    return application


app = create_app()
