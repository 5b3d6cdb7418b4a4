"""API keys: made once, shown once, checked with each request.

The secret key is a random UUID (122 bits), so one round of SHA-256 keeps it: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
import string
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from console.models import ApiKey, Project, User
from console.services.audit import About, Actor, record
from console.services.errors import InvalidArgument, NotFound, QuotaExceeded
from console.services.names import check_description

RESOURCE = "api_key"
PREFIX = "SCW"
ALPHABET = string.ascii_uppercase + string.digits
#: How exact ``last_used_at`` is: a key that is used all the time costs one write in this time.
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Made:
    """``secret_key`` can't be had again."""

    key: ApiKey
    secret_key: str


@dataclass
class Refused(Exception):
    """Why a secret key isn't one; the words are the wire's (``reason`` of ``denied_authentication``)."""

    reason: Literal["invalid_argument", "not_found", "expired"]


def create(
    *,
    actor: Actor,
    owner: User,
    project: Project,
    description: str = "",
    expires_at: datetime | None = None,
    within: datetime | None = None,
) -> Made:
    """``within``: the end of the key that makes this one; what it makes must not outlive it."""
    check_description(description)
    check_expiry(expires_at, within)
    secret = str(uuid.uuid4())
    with transaction.atomic():
        limit = settings.API_KEYS_PER_USER
        current = ApiKey.objects.filter(owner=owner).count()
        if current >= limit:
            text = f"A person can have at most {limit} API keys."
            raise QuotaExceeded(RESOURCE, limit, text, current)
        key = ApiKey.objects.create(
            access_key=PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(17)),
            secret_hash=_hash(secret),
            owner=owner,
            default_project=project,
            description=description,
            creation_ip=actor.address[:64],
            expires_at=expires_at,
        )
        _record(actor, "created", key, before={}, after=_shown(key))
    return Made(key, secret)


def authenticate(secret: str) -> ApiKey:
    """The key with its owner, or Refused."""
    try:
        canonical = str(uuid.UUID(secret))
    except ValueError:
        raise Refused("invalid_argument") from None
    wanted = _hash(canonical)
    found = ApiKey.objects.select_related("owner").filter(secret_hash=wanted).first()
    if found is None or not hmac.compare_digest(found.secret_hash, wanted):
        raise Refused("not_found")
    now = timezone.now()
    if found.expired(now):
        raise Refused("expired")
    if not found.owner.is_active:
        raise Refused("not_found")
    _note_use(found, now)
    return found


@transaction.atomic
def update(
    *,
    actor: Actor,
    key: ApiKey,
    description: str | None = None,
    project: Project | None = None,
    expires_at: datetime | None = None,
    within: datetime | None = None,
) -> ApiKey:
    """None leaves a field as it is."""
    before = _shown(key)
    if description is not None:
        key.description = check_description(description)
    if project is not None:
        key.default_project = project
    if expires_at is not None:
        key.expires_at = check_expiry(expires_at, within)
    key.save(update_fields=["description", "default_project", "expires_at", "updated_at"])
    _record(actor, "changed", key, before=before, after=_shown(key))
    return key


@transaction.atomic
def revoke(*, actor: Actor, key: ApiKey) -> None:
    """It is refused from the next request on."""
    row = ApiKey.objects.select_for_update().filter(pk=key.pk).first()
    if row is None:
        raise NotFound(RESOURCE, key.pk)
    _record(actor, "revoked", row, before=_shown(row), after={})
    row.delete()


def check_expiry(expires_at: datetime | None, within: datetime | None) -> datetime | None:
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidArgument("expires_at", "This is in the past.")
    if within is not None and (expires_at is None or expires_at > within):
        text = (
            f"The key that asks ends at {within.isoformat()}: a key that it makes must end by then."
        )
        raise InvalidArgument("expires_at", text)
    return expires_at


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _shown(key: ApiKey) -> dict[str, str | None]:
    return {
        "description": key.description,
        "default_project_id": str(key.default_project_id) if key.default_project_id else None,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }


def _record(
    actor: Actor,
    what: str,
    key: ApiKey,
    *,
    before: dict[str, str | None],
    after: dict[str, str | None],
) -> None:
    about = About(
        project=key.default_project, target=key.access_key, before=dict(before), after=dict(after)
    )
    record(actor, f"api_key.{what}", f"API key {key.access_key} was {what}.", about)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
