"""The one operator of this installation, with its system account. A singleton: its primary key is always 1."""

import uuid

from django.db import models


class Operator(models.Model):
    """Seeds are sealed (``lib.sealing``) under the contexts that ``services.keys`` names."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    #: All projects here belong to one organization, as their clients call it.
    organization_id = models.UUIDField(default=uuid.uuid4, editable=False)
    public_key = models.CharField(max_length=56)
    sealed_seed = models.TextField()
    signing_public_key = models.CharField(max_length=56)
    sealed_signing_seed = models.TextField()
    jwt = models.TextField()

    system_account = models.CharField(max_length=56)
    sealed_system_seed = models.TextField()
    system_signing_public_key = models.CharField(max_length=56)
    sealed_system_signing_seed = models.TextField()
    system_account_jwt = models.TextField()

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="operator_is_one"),
        ]

    def __str__(self) -> str:
        return self.public_key
