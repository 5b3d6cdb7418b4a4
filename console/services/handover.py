"""That what was made for a program reaches it, or leaves nothing half-made behind.

A ``Handover`` stands for each namespace and credential that an API key made, from the transaction that makes it until
its answer has left (``done``). While it stands, the same request of the same key finds the namespace again instead of
a conflict. A credential whose answer didn't leave is a secret that nobody has: ``reconciliation`` revokes it.
"""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from console.models import ApiKey, Credential, Handover, Namespace, Project
from console.services.audit import Actor


def begin(actor: Actor, namespace: Namespace, credential: Credential | None = None) -> None:
    """Inside the transaction that makes what is handed over. People see for themselves what their page shows."""
    if actor.api_key is not None:
        Handover.objects.create(api_key=actor.api_key, namespace=namespace, credential=credential)


def done(made: Namespace | Credential) -> None:
    """The answer has left."""
    rows = Handover.objects.all()
    if isinstance(made, Credential):
        rows.filter(credential_id=made.pk).delete()
    else:
        rows.filter(namespace_id=made.pk, credential=None).delete()


def unfinished(key: ApiKey, project: Project, name: str) -> Namespace | None:
    """What this key asked for by this name without being known to have got the answer."""
    rows = Handover.objects.filter(
        api_key=key, credential=None, namespace__project=project, namespace__name=name
    )
    row = rows.select_related("namespace__project").first()
    return row.namespace if row else None


def older_than(seconds: float) -> "QuerySet[Handover]":
    return Handover.objects.filter(created_at__lt=timezone.now() - timedelta(seconds=seconds))
