"""A namespace: one NATS account. Its id everywhere is the account's public key."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q

from console.models.project import Project

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from console.models.credential import Credential
    from console.models.sharing import Export, Import


class Namespace(models.Model):
    """``claims``: the signed account JWT that the broker shall have. Once deleted, a ``Tombstone`` stands instead."""

    id = models.CharField(primary_key=True, max_length=56)
    project = models.ForeignKey(Project, models.PROTECT, related_name="namespaces")
    name = models.CharField(max_length=64)
    sealed_seed = models.TextField()
    signing_public_key = models.CharField(max_length=56)
    sealed_signing_seed = models.TextField()

    claims = models.TextField()
    #: ``iat`` of ``claims``: grows with each change, by at least one, also within a second.
    claims_iat = models.BigIntegerField()
    #: ``claims_iat`` of the claims that a broker has confirmed; 0 before the first.
    applied_iat = models.BigIntegerField(default=0)

    #: Every user whose ``iat`` isn't later is revoked (Unix seconds); 0 = none that way.
    revoked_before = models.BigIntegerField(default=0)

    #: Limits that an administrator set for this namespace instead of the settings' (``services.limits``).
    limits = models.JSONField(default=dict)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    if TYPE_CHECKING:
        credentials: RelatedManager[Credential]
        exports: RelatedManager[Export]
        imports: RelatedManager[Import]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("project", "name"), name="namespace_name_in_project"),
        ]
        indexes = [
            models.Index(fields=("project", "-created_at"), name="namespace_by_project"),
            # What the keeper looks for each second: claims that no broker has confirmed.
            models.Index(
                fields=("id",),
                condition=~Q(applied_iat=F("claims_iat")),
                name="namespace_unapplied",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def applied(self) -> bool:
        return self.applied_iat == self.claims_iat
