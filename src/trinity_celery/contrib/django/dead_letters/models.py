"""The name under which the admin lists dead letters, and the permissions to see, replay and drop them."""

from django.db import models


class DeadLetter(models.Model):
    """Has no table: the letters are in Redis."""

    class Meta:
        managed = False
        default_permissions = ("view", "change", "delete")
        verbose_name = "dead letter"
