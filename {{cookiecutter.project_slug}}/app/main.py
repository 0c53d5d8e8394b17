"""FastAPI's application: ``uvicorn app.main:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from trinity_celery.contrib.fastapi.errors import add_error_handlers
from trinity_celery.contrib.fastapi.lifespan import broker_connections
from trinity_celery.contrib.fastapi.router import service_router

from app import common
from app.atom import router as atom
from app.celery_app import celery_app
from app.database import database
from shared.queues import PROJECT


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Do what has to be done before the first request, and after the last one."""
    async with broker_connections(celery_app):
        yield


def create_app() -> FastAPI:
    """Return the application with its routes and error answers."""
    application = FastAPI(title=PROJECT.name, lifespan=lifespan)
    # Importing the Celery app makes it the one through which the shared contracts send.
    application.state.celery_app = celery_app
    # Now, and not with the first task that is sent: a task that cannot run ends the process.
    celery_app.finalize()
    application.include_router(service_router(celery_app, {"database": database.check}))
    application.include_router(common.router)
    application.include_router(atom.router)
    add_error_handlers(application)
    return application


app = create_app()
