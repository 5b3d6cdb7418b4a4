"""Rows as JSON, one function for each noun. Times are RFC 3339 with six decimals, with nine where a POST answers."""

import uuid
from datetime import datetime
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings

from console.lib.times import rfc3339
from console.models import ApiKey, Credential, Namespace, Project, User

Shape = dict[str, Any]

FILE_NAME = "user.creds"


def account(row: Namespace, *, just_made: bool = False) -> Shape:
    time = _nine_decimals if just_made else rfc3339
    return {
        "id": row.id,
        "name": row.name,
        "endpoint": settings.NATS_URL,
        "project_id": str(row.project_id),
        "region": settings.REGION,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def credentials(row: Credential, file: str | None = None) -> Shape:
    """``file``: the text of the .creds file, once."""
    time = rfc3339 if file is None else _nine_decimals
    return {
        "id": str(row.pk),
        "name": row.name,
        "nats_account_id": row.namespace_id,
        "region": settings.REGION,
        "checksum": row.checksum,
        "created_at": time(row.created_at),
        "updated_at": time(row.created_at),
        "credentials": None if file is None else {"name": FILE_NAME, "content": file},
    }


def project(row: Project, organization_id: uuid.UUID) -> Shape:
    return {
        "id": str(row.pk),
        "name": row.name,
        "organization_id": str(organization_id),
        "description": row.description,
        "status": "active",
        "qualification": None,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    }


def api_key(row: ApiKey, secret_key: str | None = None) -> Shape:
    return {
        "access_key": row.access_key,
        "secret_key": secret_key,
        "description": row.description,
        "user_id": str(row.owner_id),
        "default_project_id": str(row.default_project_id) if row.default_project_id else None,
        "editable": True,
        "deletable": True,
        "managed": False,
        "creation_ip": row.creation_ip,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "expires_at": rfc3339(row.expires_at),
    }


def user(row: User, organization_id: uuid.UUID) -> Shape:
    return {
        "id": str(row.pk),
        "email": row.email,
        "username": row.email,
        "organization_id": str(organization_id),
        "created_at": rfc3339(row.date_joined),
        "updated_at": rfc3339(row.date_joined),
        "deletable": False,
        "type": "owner" if row.is_admin else "member",
        "status": "activated",
        "mfa": is_mfa_enabled(row),
        "locked": not row.is_active,
    }


def _nine_decimals(at: datetime) -> str:
    return str(rfc3339(at)).replace("Z", "000Z")
