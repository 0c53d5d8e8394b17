"""The tables of the outbox and of idempotency keys, which ``trinity_celery.transactions`` reads and writes in SQL."""

from django.db import models


class OutboxMessage(models.Model):
    """A task that was written down in a transaction, and waits to be sent."""

    message = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "backend_outbox"

    def __str__(self) -> str:
        return f"message {self.pk}"


class IdempotencyKey(models.Model):
    """An effect that happened, with what its task returned in JSON."""

    key = models.CharField(max_length=500, primary_key=True)
    fingerprint = models.CharField(max_length=64, null=True)  # of what was asked for
    result = models.TextField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "backend_idempotency_key"

    def __str__(self) -> str:
        return self.key
