"""A project: namespaces and the people who may use them."""

import uuid
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from console.models.membership import Membership


class Project(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=200, blank=True, default="")
    #: Limits that an administrator set for this project instead of the settings' (``services.limits``).
    limits = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    if TYPE_CHECKING:
        memberships: RelatedManager[Membership]

    def __str__(self) -> str:
        return self.name
