"""What an application has to do at its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import Celery

from trinity_celery.brokers import find_broker


@asynccontextmanager
async def broker_connections(app: Celery) -> AsyncIterator[None]:
    """Close the connections to the broker of ``app`` at the end; the first task that is sent opens them.

    For the lifespan of an application::

        async with broker_connections(celery_app):
            yield
    """
    yield
    await find_broker(app.conf.broker_url).close_async()
