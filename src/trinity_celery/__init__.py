"""Celery for people who must not lose jobs."""

__version__ = "0.1.0"
