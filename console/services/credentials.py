"""Credentials: issued once, revoked for good. The seed leaves in the answer and is nowhere afterwards."""

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from broker.identity import jwt
from broker.identity.creds import format_creds
from broker.identity.nkeys import KeyPair
from console.gateway import notices
from console.gateway.claims import Outcome
from console.lib.subjects import problem_of_filter
from console.models import Credential, Namespace
from console.services import claims, handover, limits
from console.services.audit import About, Actor, record
from console.services.delivery import deliver
from console.services.errors import InvalidArgument, NotFound, QuotaExceeded
from console.services.names import CREDENTIAL_NAME_MAX, check_plain
from console.services.namespaces import lock, resign

RESOURCE = "credentials"
LIFETIME_MIN_S = 60
LIFETIME_MAX_S = 100 * 366 * 24 * 3600
RULES_MAX = 100


@dataclass(frozen=True, slots=True)
class Issued:
    """``creds`` is the text of the .creds file; it can't be had again."""

    credential: Credential
    creds: str


def issue(
    *,
    actor: Actor,
    namespace: Namespace,
    name: str,
    expires_in_s: int | None = None,
    permissions: dict[str, Any] | None = None,
) -> Issued:
    """Raises InvalidArgument, QuotaExceeded, NotFound (deleted meanwhile).

    The namespace's claims don't change: they name the key that signs its users.
    """
    check_plain(name, CREDENTIAL_NAME_MAX)
    rules = check_permissions(permissions)
    expires_at = _expiry(expires_in_s)
    key = KeyPair.generate("user")
    with transaction.atomic():
        locked = lock(namespace.pk)
        _check_quota(locked)
        token = claims.user_jwt(
            namespace=locked, user=key.public, name=name, expires_at=expires_at, permissions=rules
        )
        creds = format_creds(token, key.seed)
        credential = _save(actor, locked, key.public, token, name, rules, checksum(creds))
    return Issued(credential, creds)


def revoke(*, actor: Actor, credential: Credential) -> tuple[Credential, Outcome]:
    """Its connections close, and it is refused from now on. Revoking again delivers again."""
    with transaction.atomic():
        namespace = lock(credential.namespace_id)
        row = namespace.credentials.select_for_update().filter(pk=credential.pk).first()
        if row is None:
            raise NotFound(RESOURCE, str(credential.pk))
        if row.revoked_at is None:
            row.revoked_at = timezone.now()
            row.save(update_fields=["revoked_at"])
            resign(namespace)
            _record(actor, "revoked", row, namespace)
    return row, deliver(namespace)


def checksum(creds: str) -> str:
    """By which a holder of the file can tell which credential it is; nobody can make the file from it."""
    return hashlib.sha1(creds.encode(), usedforsecurity=False).hexdigest()


def check_permissions(permissions: dict[str, Any] | None) -> dict[str, Any] | None:
    """``{"publish": {"allow", "deny"}, "subscribe": {…}}`` with filters; None when it allows everything."""
    if permissions is None:
        return None
    rules: dict[str, Any] = {}
    for direction in ("publish", "subscribe"):
        rules[direction] = {
            side: _check_rules(direction, side, (permissions.get(direction) or {}).get(side) or [])
            for side in ("allow", "deny")
        }
    return rules if any(any(sides.values()) for sides in rules.values()) else None


def _check_rules(direction: str, side: str, subjects: list[str]) -> list[str]:
    argument = f"permissions.{direction}.{side}"
    if len(subjects) > RULES_MAX:
        raise InvalidArgument(argument, f"There can be at most {RULES_MAX} subjects in each list.")
    for entry in subjects:
        words = entry.split(" ")
        # "subject queue" is NATS's form for permission to join a queue group.
        if len(words) > (2 if direction == "subscribe" else 1):
            raise InvalidArgument(argument, "A subject must not have blanks.", "format")
        for word in words:
            if problem := problem_of_filter(word):
                raise InvalidArgument(argument, f"A subject {problem}.", "format")
    return list(dict.fromkeys(subjects))


def _expiry(expires_in_s: int | None) -> int | None:
    if expires_in_s is None:
        return None
    if not LIFETIME_MIN_S <= expires_in_s <= LIFETIME_MAX_S:
        raise InvalidArgument(
            "expires_in_s",
            f"A lifetime is {LIFETIME_MIN_S} seconds to 100 years, or null for no end.",
        )
    return int(time.time()) + expires_in_s


def _check_quota(namespace: Namespace) -> None:
    limit = limits.of_namespace(namespace)["credentials"]
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    rows = namespace.credentials.filter(unexpired)
    current = rows.filter(revoked_at=None).count()
    if current >= limit:
        text = f"This namespace can have at most {limit} credentials."
        raise QuotaExceeded(RESOURCE, limit, text, current)
    # Each credential may have to be revoked one day: then there must be room for it in the claims.
    limit = settings.REVOCATIONS_PER_NAMESPACE
    current = rows.count()
    if current >= limit:
        raise QuotaExceeded(
            RESOURCE,
            limit,
            f"This namespace has {limit} credentials, most of them revoked ones without an end: use a new namespace,"
            " and give credentials a lifetime.",
            current,
        )


def _save(
    actor: Actor,
    namespace: Namespace,
    public_key: str,
    token: str,
    name: str,
    rules: dict[str, Any] | None,
    sha1: str,
) -> Credential:
    decoded = jwt.decode_unverified(token)
    expires_at = datetime.fromtimestamp(decoded.expires_at, UTC) if decoded.expires_at else None
    credential = Credential.objects.create(
        namespace=namespace,
        name=name,
        public_key=public_key,
        jti=decoded.jti,
        checksum=sha1,
        issued_at=decoded.issued_at,
        permissions=rules,
        created_by=actor.user,
        expires_at=expires_at,
    )
    handover.begin(actor, namespace, credential)
    _record(actor, "created", credential, namespace)
    return credential


def _record(actor: Actor, what: str, credential: Credential, namespace: Namespace) -> None:
    after: dict[str, Any] = {"public_key": credential.public_key}
    if what == "created":
        after |= {
            "jti": credential.jti,
            "permissions": credential.permissions,
            "expires_at": credential.expires_at.isoformat() if credential.expires_at else None,
        }
    about = About(
        project=namespace.project, namespace=namespace, target=credential.name, after=after
    )
    record(actor, f"credential.{what}", f"Credential {credential.name} was {what}.", about)
    project_id, account = namespace.project_id, namespace.id
    transaction.on_commit(lambda: notices.changed(project_id, "credentials", account))
