"""The tables of the outbox and of idempotency keys, which the library reads and writes in SQL."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class OutboxMessage(Base):
    """A task that was written down in a transaction, and waits to be sent."""

    __tablename__ = "app_outbox"

    # SQLite counts only what is called INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    message: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    # Without it, SQLite gives the number of a deleted row to the next one.
    __table_args__ = {"sqlite_autoincrement": True}


class IdempotencyKey(Base):
    """An effect that happened, with what its task returned in JSON."""

    __tablename__ = "app_idempotency_key"

    key: Mapped[str] = mapped_column(String(500), primary_key=True)
    fingerprint: Mapped[str | None] = mapped_column(String(64))  # of what was asked for
    result: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
