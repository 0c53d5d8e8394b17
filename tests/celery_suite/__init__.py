"""Celery's own integration tests, run on a rendered project's configuration."""
