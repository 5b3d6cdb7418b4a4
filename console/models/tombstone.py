"""What is left of a deleted namespace: the operator's signed word that its account is deleted.

It is kept for ever, since it must also reach a broker that was away for a year.
"""

from django.db import models
from django.db.models import F, Q


class Tombstone(models.Model):
    """The same fields as a ``Namespace`` has for its claims; ``id`` is the deleted account's public key."""

    id = models.CharField(primary_key=True, max_length=56)
    claims = models.TextField()
    claims_iat = models.BigIntegerField()
    applied_iat = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=("id",),
                condition=~Q(applied_iat=F("claims_iat")),
                name="tombstone_unapplied",
            ),
        ]

    def __str__(self) -> str:
        return self.id
