"""Fixtures of the FastAPI service's tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.create_tables import create_tables
from app.database import Base, engine, transaction


@pytest.fixture(autouse=True)
def empty_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database without rows: SQLite, unless ``DATABASE_URL`` names PostgreSQL."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/db.sqlite3")
    engine.cache_clear()
    create_tables()
    with transaction() as session:
        for table in Base.metadata.sorted_tables:
            session.execute(table.delete())
    yield
    engine().dispose()
    engine.cache_clear()
