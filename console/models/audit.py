"""What was changed, by whom, from where. Rows are written once and never changed."""

from django.conf import settings
from django.db import models

from console.models.project import Project


class AuditEntry(models.Model):
    """``kind`` is noun and participle (``credential.revoked``); ``before``/``after`` never hold a secret."""

    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=40)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    #: The actor's e-mail address when it happened, or the program's name.
    actor_label = models.CharField(max_length=254)
    address = models.CharField(max_length=64, blank=True, default="")
    project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="+")
    #: Kept as text, so that the trail outlives what it is about.
    namespace_id = models.CharField(max_length=56, blank=True, default="")
    target = models.CharField(max_length=254, blank=True, default="")
    message = models.CharField(max_length=500)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=("namespace_id", "-at"), name="audit_by_namespace"),
            models.Index(fields=("project", "-at"), name="audit_by_project"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"
