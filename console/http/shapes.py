"""Answers as JSON, one function for each noun. Times are RFC 3339."""

from datetime import datetime
from typing import Any

from console.gateway import reports
from console.lib.times import rfc3339
from console.models import (
    ApiKey,
    AuditEntry,
    Credential,
    Export,
    Import,
    Membership,
    Project,
    Role,
    User,
)
from console.selectors.namespaces import Seen
from console.services import limits

Shape = dict[str, Any]


def user(person: User) -> Shape:
    return {
        "id": str(person.pk),
        "email": person.email,
        "name": person.name,
        "is_admin": person.is_admin,
        "has_password": person.has_usable_password(),
    }


def project(found: Project, role: Role) -> Shape:
    return {"id": str(found.pk), "name": found.name, "role": role.value}


def member(membership: Membership) -> Shape:
    return {
        "user": {
            "id": str(membership.user_id),
            "email": membership.user.email,
            "name": membership.user.name,
        },
        "role": membership.role,
        "created_at": rfc3339(membership.created_at),
    }


def namespace(seen: Seen) -> Shape:
    row = seen.namespace
    return {
        "id": row.id,
        "name": row.name,
        "project_id": str(row.project_id),
        "role": seen.role.value,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "credential_count": seen.credential_count,
        "usage": reports.as_json(seen.usage) if seen.usage else None,
        "limits": limits.of_namespace(row),
        "broker": broker_state(row.applied),
    }


def broker_state(applied: bool) -> str:
    return "applied" if applied else "pending"


def credential(row: Credential, now: datetime, connections: int | None) -> Shape:
    return {
        "id": str(row.pk),
        "name": row.name,
        "public_key": row.public_key,
        "status": row.status(now),
        "created_at": rfc3339(row.created_at),
        "created_by": {"email": row.created_by.email} if row.created_by else None,
        "expires_at": rfc3339(row.expires_at),
        "revoked_at": rfc3339(row.revoked_at),
        "first_used_at": rfc3339(row.first_used_at),
        "last_used_at": rfc3339(row.last_used_at),
        "last_used_from": row.last_used_from,
        "last_client": row.last_client,
        "connections": connections,
        "permissions": row.permissions,
        "connection_types": row.connection_types,
        "source_networks": row.source_networks,
        "jti": row.jti,
        "revoke_at": rfc3339(row.revoke_at),
        "follows": str(row.follows_id) if row.follows_id else None,
    }


def export(row: Export, *, counted: bool = True) -> Shape:
    """``counted`` False for another's export: who else imports it is theirs to know."""
    return {
        "id": str(row.pk),
        "namespace": {"id": row.namespace_id, "name": row.namespace.name},
        "name": row.name,
        "kind": row.kind,
        "subject": row.subject,
        "public": row.public,
        "import_count": len(row.imports.all()) if counted else None,
        "created_at": rfc3339(row.created_at),
    }


def imported(row: Import) -> Shape:
    return {
        "id": str(row.pk),
        "export": export(row.export, counted=False),
        "local_subject": row.local_subject,
        "created_at": rfc3339(row.created_at),
    }


def api_key(row: ApiKey) -> Shape:
    return {
        "access_key": row.access_key,
        "description": row.description,
        "project_id": str(row.default_project_id) if row.default_project_id else None,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "last_used_at": rfc3339(row.last_used_at),
    }


def audit(entry: AuditEntry) -> Shape:
    return {
        "at": rfc3339(entry.at),
        "kind": entry.kind,
        "actor": entry.actor_label,
        "target": entry.target,
        "message": entry.message,
        "address": entry.address,
        "details": {"before": entry.before, "after": entry.after},
    }
