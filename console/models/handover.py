"""What was made for a program whose answer isn't known to have left: gone once it has.

With it a repeated request finds what the first one made, and a credential that nobody got doesn't stay valid.
"""

from django.db import models

from console.models.api_key import ApiKey
from console.models.credential import Credential
from console.models.namespace import Namespace


class Handover(models.Model):
    """Of a namespace, or of a credential of it."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+")
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+")
    credential = models.OneToOneField(Credential, models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"of {self.credential_id or self.namespace_id}"
