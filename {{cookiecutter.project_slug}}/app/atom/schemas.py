"""What the endpoints of this package answer."""

from pydantic import BaseModel


class Score(BaseModel):
    """A text in figures."""

    words: int
    score: float


class Statistics(BaseModel):
    """Figures that a scheduled task refreshes."""

    scored: int = 0
    refreshes: int = 0
    refreshed_by: str = ""
    refreshed_from: str = ""
