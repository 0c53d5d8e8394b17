"""Tasks that failed for good, kept until somebody sends them again or drops them."""

from trinity_celery.dead_letters.replay import Replay, open_replay
from trinity_celery.dead_letters.store import DeadLetter, DeadLetters, LetterFilter, open_dead_letters

__all__ = ["DeadLetter", "DeadLetters", "LetterFilter", "Replay", "open_dead_letters", "open_replay"]
