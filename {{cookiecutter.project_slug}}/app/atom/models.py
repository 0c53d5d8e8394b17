"""The tables of the worked example."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Integer, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class ScoredText(Base):
    """A text that somebody asked to have scored; its figures come when the task has run."""

    __tablename__ = "app_scored_text"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(100), index=True)
    text: Mapped[str]
    words: Mapped[int | None]
    score: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
