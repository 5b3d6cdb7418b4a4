"""What namespaces share: a namespace exports subjects, another one imports them. NATS's exports and imports."""

import uuid

from django.conf import settings
from django.db import models

from console.models.namespace import Namespace


class Kind(models.TextChoices):
    """``stream``: messages of the exporting namespace are seen; ``service``: requests go into it."""

    STREAM = "stream"
    SERVICE = "service"


class Export(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="exports")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    subject = models.CharField(max_length=512)
    #: Any namespace of this installation may import it; else only those that its own people give it to.
    public = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("namespace", "kind", "subject"), name="export_subject_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Import(models.Model):
    """``local_subject`` is what the importing namespace calls it; ``$1`` … stand for the wildcards in turn."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="imports")
    export = models.ForeignKey(Export, models.CASCADE, related_name="imports")
    local_subject = models.CharField(max_length=512)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("namespace", "export", "local_subject"), name="import_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.export_id} as {self.local_subject}"
