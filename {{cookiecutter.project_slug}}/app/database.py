"""FastAPI's database: where it is, and what its tables have in common.

The database may be the one that another service uses as well: every table of this service begins with ``app_``.
"""

from functools import cache
from pathlib import Path

from pydantic_settings import BaseSettings
from sqlalchemy import Engine
from sqlalchemy.orm import DeclarativeBase
from trinity_celery.config import load
from trinity_celery.config.environment import MODEL_CONFIG
from trinity_celery.contrib.fastapi.database import SqlAlchemyDatabase
from trinity_celery.contrib.fastapi.database_settings import DatabaseUrl, database_url, make_engine
from trinity_celery.contrib.fastapi.tables import delivery_tables

PROJECT_FOLDER = Path(__file__).resolve().parent.parent


class DatabaseSettings(BaseSettings):
    """What the environment decides about the database."""

    model_config = MODEL_CONFIG

    database_url: DatabaseUrl = "sqlite:///db.sqlite3"


@cache
def engine() -> Engine:
    """Return this process's engine; ``DATABASE_URL`` says where the database is.

    Raises:
        SystemExit: the variable has a bad value.
    """
    return make_engine(database_url(load(DatabaseSettings).database_url, folder=PROJECT_FOLDER))


class Base(DeclarativeBase):
    """What all tables of this service have in common: ``metadata`` knows them."""


database = SqlAlchemyDatabase(engine, prefix="app")
transaction = database.transaction

# Alembic and ``app.create_tables`` find them in the metadata.
outbox, idempotency_keys = delivery_tables(Base.metadata, database.prefix)
