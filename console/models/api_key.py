"""An API key: what a program shows instead of signing in. It acts with its owner's roles."""

from datetime import datetime

from django.conf import settings
from django.db import models

from console.models.project import Project


class ApiKey(models.Model):
    """``access_key`` names it and is no secret; of the secret key only the hash is here."""

    access_key = models.CharField(primary_key=True, max_length=20)
    secret_hash = models.CharField(max_length=64, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    #: Where a request that names no project works; None once that project was deleted.
    default_project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="+")
    description = models.CharField(max_length=200, blank=True, default="")
    creation_ip = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField(null=True, default=None)
    #: To the minute.
    last_used_at = models.DateTimeField(null=True, default=None)

    class Meta:
        indexes = [models.Index(fields=("owner", "created_at"), name="api_key_by_owner")]

    def __str__(self) -> str:
        return self.access_key

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now
