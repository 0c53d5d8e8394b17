"""Clients of servers that may be away: bounded, and verified where encrypted."""

from trinity_celery.connections.redis_client import redis_client
from trinity_celery.connections.timeouts import within_deadline, within_deadline_async

__all__ = ["redis_client", "within_deadline", "within_deadline_async"]
