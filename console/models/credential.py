"""A credential: one NATS user of a namespace. Only the public half is known here."""

import uuid
from datetime import datetime
from typing import Literal

from django.conf import settings
from django.db import models
from django.db.models import Q

from console.models.namespace import Namespace
from console.models.project import Project

Status = Literal["active", "expired", "revoked"]


class Credential(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="credentials")
    #: The namespace's, which never changes: by it a project's credentials are counted and paged from an index alone.
    project = models.ForeignKey(Project, models.PROTECT, related_name="+")
    name = models.CharField(max_length=500)
    public_key = models.CharField(max_length=56, unique=True)
    #: ``jti`` and ``iat`` of the user JWT: which token was handed out, and when.
    jti = models.CharField(max_length=64)
    issued_at = models.BigIntegerField()
    #: SHA-1 of the .creds file, in hex; "" of those made before it was kept.
    checksum = models.CharField(max_length=40, blank=True, default="")
    #: {"publish": {"allow": [], "deny": []}, "subscribe": {…}}; None = everything.
    permissions = models.JSONField(null=True, default=None)
    #: NATS's names; empty = every listener.
    connection_types = models.JSONField(default=list)
    #: CIDRs from which it may connect; empty = everywhere.
    source_networks = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, default=None)
    revoked_at = models.DateTimeField(null=True, default=None)
    #: When a rotated one is revoked; the keeper does it.
    revoke_at = models.DateTimeField(null=True, default=None, db_index=True)
    #: The credential that this one took over from.
    follows = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")

    # What the keeper learned from the broker's events.
    first_used_at = models.DateTimeField(null=True, default=None)
    last_used_at = models.DateTimeField(null=True, default=None)
    last_used_from = models.CharField(max_length=64, blank=True, default="")
    last_client = models.CharField(max_length=128, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=("namespace", "-created_at"), name="credential_by_namespace"),
            models.Index(
                fields=("project", "created_at", "id"),
                condition=Q(revoked_at=None),
                name="credential_listed_by_age",
            ),
            models.Index(
                fields=("project", "name", "id"),
                condition=Q(revoked_at=None),
                name="credential_listed_by_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def status(self, now: datetime) -> Status:
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"
