"""Messages and effects that belong to a transaction: an outbox, and keys that let an effect happen once."""

from trinity_celery.transactions.database import Database, install
from trinity_celery.transactions.idempotency import RedisKeys, SqlKeys, fingerprint, fingerprint_of, key_of, request_key

__all__ = ["Database", "RedisKeys", "SqlKeys", "fingerprint", "fingerprint_of", "install", "key_of", "request_key"]
