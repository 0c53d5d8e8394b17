"""The app of the outbox and of idempotency keys."""
