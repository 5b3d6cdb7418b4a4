"""A one-time sign-in link. The token itself is only in the link; here is its hash."""

from django.conf import settings
from django.db import models


class LoginLink(models.Model):
    token_hash = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, default=None)

    def __str__(self) -> str:
        return f"link of {self.user_id}"
