"""Namespaces as people see them: with their role, the number of credentials, and usage."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from broker.contract.reports import Usage
from console.gateway import reports
from console.gateway.errors import BrokerUnavailable
from console.models import Credential, Namespace, Role, User
from console.selectors.access import roles_of


@dataclass(frozen=True, slots=True)
class Seen:
    """``usage`` None: nobody reports any."""

    namespace: Namespace
    role: Role
    credential_count: int
    usage: Usage | None


def listed(
    user: User, *, project_id: uuid.UUID | None, offset: int, limit: int
) -> tuple[list[Seen], int]:
    """A page of the namespaces that the user may see, oldest first by name, and how many there are."""
    roles = roles_of(user)
    wanted = [project for project in roles if project_id in (None, project)]
    rows = Namespace.objects.filter(project_id__in=wanted)
    page = list(_with_counts(rows).order_by("name", "id")[offset : offset + limit])
    usage = _usage([namespace.id for namespace in page])
    seen = [Seen(n, roles[n.project_id], _count(n), usage.get(n.id)) for n in page]
    return seen, rows.count()


def one(namespace: Namespace, role: Role) -> Seen:
    counted = _with_counts(Namespace.objects.filter(pk=namespace.pk)).get()
    return Seen(counted, role, _count(counted), _usage([namespace.pk]).get(namespace.pk))


def accounts_of(user: User, limit: int) -> dict[str, uuid.UUID]:
    """Account → project, of at most ``limit`` namespaces that the user may see, newest first."""
    rows = Namespace.objects.filter(project__memberships__user=user).order_by("-created_at")
    return dict(rows.values_list("id", "project_id")[:limit])


def _with_counts(rows: "QuerySet[Namespace]") -> Any:
    """A subquery, so that only the rows of the page are counted; without keys and claims, which nobody shows."""
    now = timezone.now()
    active = Credential.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now), namespace=OuterRef("pk"), revoked_at=None
    ).order_by()
    count = active.values("namespace").annotate(number=Count("pk")).values("number")
    counted = rows.annotate(credential_count=Coalesce(Subquery(count), 0))
    return counted.defer("claims", "sealed_seed", "sealed_signing_seed")


def _count(namespace: Any) -> int:
    return int(namespace.credential_count)


def _usage(accounts: list[str]) -> dict[str, Usage]:
    try:
        return reports.usage(accounts)
    except BrokerUnavailable:
        return {}
