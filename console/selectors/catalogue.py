"""What a program may see, as rows that its request orders and cuts into pages."""

import uuid

from django.db.models import F, QuerySet

from console.models import ApiKey, AuditEntry, Credential, Namespace, Project, Tombstone, User
from console.selectors.access import roles_of


def namespaces(user: User, project_id: uuid.UUID | None) -> "QuerySet[Namespace]":
    """Without their keys and claims, which take most of a row."""
    rows = Namespace.objects.filter(project_id__in=_projects(user, project_id))
    return rows.defer("claims", "sealed_seed", "sealed_signing_seed")


def credentials(
    user: User, project_id: uuid.UUID | None, account: str | None
) -> "QuerySet[Credential]":
    """Those that aren't revoked."""
    rows = Credential.objects.filter(revoked_at=None)
    projects = _projects(user, project_id)
    if account is None:
        return rows.filter(project_id__in=projects)
    # By the namespace's project: with the credential's own, SQLite takes the larger index.
    return rows.filter(namespace_id=account, namespace__project_id__in=projects)


def projects(user: User) -> "QuerySet[Project]":
    return Project.objects.filter(pk__in=roles_of(user))


def api_keys(user: User) -> "QuerySet[ApiKey]":
    """Its own: nobody sees or makes keys that act as somebody else."""
    return ApiKey.objects.filter(owner=user)


def unconfirmed_tombstone(user: User, account: str) -> Tombstone | None:
    """Of a namespace that ``user`` deleted without the broker's having confirmed it yet."""
    stone = Tombstone.objects.filter(pk=account).exclude(applied_iat=F("claims_iat")).first()
    deleted = AuditEntry.objects.filter(namespace_id=account, kind="namespace.deleted", actor=user)
    return stone if stone is not None and deleted.exists() else None


def _projects(user: User, wanted: uuid.UUID | None) -> list[uuid.UUID]:
    return [project for project in roles_of(user) if wanted in (None, project)]
