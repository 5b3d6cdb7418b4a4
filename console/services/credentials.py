"""Credentials: issued once, revoked for good. The seed leaves in the answer and is nowhere afterwards."""

import contextlib
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from console.models import Credential, Namespace
from console.services import claims, handover, limits
from console.services.audit import About, Actor, record
from console.services.delivery import deliver
from console.services.errors import (
    InvalidArgument,
    NotFound,
    PreconditionFailed,
    QuotaExceeded,
)
from console.services.names import CREDENTIAL_NAME_MAX, check_plain
from console.services.namespaces import lock, resign
from console.services.terms import Terms

RESOURCE = "credentials"
#: How long two credentials may be valid beside each other while clients go over from one to the other.
OVERLAP_MAX_S = 90 * 24 * 3600
#: Rotated credentials that one turn of the keeper revokes.
DUE_MAX = 50
EVERYTHING = Terms()


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
    terms: Terms = EVERYTHING,
) -> Issued:
    """Raises InvalidArgument, QuotaExceeded, NotFound (deleted meanwhile).

    The namespace's claims don't change: they name the key that signs its users.
    """
    check_plain(name, CREDENTIAL_NAME_MAX)
    with transaction.atomic():
        return _issue(actor, lock(namespace.pk), name, terms)


def rotate(*, actor: Actor, credential: Credential, overlap_s: int) -> tuple[Issued, Outcome]:
    """A successor with the same name, terms and lifetime; the old one is revoked ``overlap_s`` seconds later.

    Raises InvalidArgument, PreconditionFailed (it isn't active), QuotaExceeded, NotFound.
    """
    if not 0 <= overlap_s <= OVERLAP_MAX_S:
        raise InvalidArgument("overlap_s", f"An overlap is 0 to {OVERLAP_MAX_S} seconds.")
    now = timezone.now()
    with transaction.atomic():
        namespace = lock(credential.namespace_id)
        old = _locked(namespace, credential)
        if old.status(now) != "active" or old.revoke_at is not None:
            raise PreconditionFailed(
                "credential_active", "Only an active credential that wasn't rotated can be rotated."
            )
        issued = _issue(actor, namespace, old.name, _terms_again(old), old)
        if overlap_s:
            old.revoke_at = now + timedelta(seconds=overlap_s)
            old.save(update_fields=["revoke_at"])
            _record(actor, "rotated", old, namespace)
        else:
            _revoke(actor, old, namespace)
    return issued, deliver(namespace)


def revoke_due() -> int:
    """Revokes the rotated credentials whose overlap is over; how many."""
    due = Credential.objects.filter(revoked_at=None, revoke_at__lte=timezone.now())
    found = list(due.order_by("revoke_at")[:DUE_MAX])
    for credential in found:
        with contextlib.suppress(NotFound):  # deleted meanwhile
            revoke(actor=Actor(label="keeper"), credential=credential)
    return len(found)


def revoke(*, actor: Actor, credential: Credential) -> tuple[Credential, Outcome]:
    """Its connections close, and it is refused from now on. Revoking again delivers again."""
    with transaction.atomic():
        namespace = lock(credential.namespace_id)
        row = _locked(namespace, credential)
        if row.revoked_at is None:
            _revoke(actor, row, namespace)
    return row, deliver(namespace)


def withdraw(*, actor: Actor, credential: Credential) -> None:
    """Revokes what nobody got; the credential that it should have taken over from stays valid."""
    if credential.follows_id is not None:
        Credential.objects.filter(pk=credential.follows_id).update(revoke_at=None)
    revoke(actor=actor, credential=credential)


def revoke_issued_before(
    *, actor: Actor, namespace: Namespace, before: datetime
) -> tuple[int, Outcome]:
    """Revokes every credential issued until ``before``, known here or not; how many of the known ones.

    It is one entry in the claims whatever their number. Raises InvalidArgument, NotFound.
    """
    now = timezone.now()
    if before > now:
        raise InvalidArgument(
            "before", "This is in the future: what isn't issued can't be revoked."
        )
    until = int(before.timestamp())
    if until < 0:
        raise InvalidArgument("before", "Nothing was issued before 1970.")
    with transaction.atomic():
        locked = lock(namespace.pk)
        rows = locked.credentials.filter(revoked_at=None, issued_at__lte=until)
        count = rows.update(revoked_at=now)
        if until > locked.revoked_before:
            locked.revoked_before = until
            locked.save(update_fields=["revoked_before"])
        resign(locked)
        about = About(
            project=locked.project,
            namespace=locked,
            target=locked.name,
            after={"before": before.isoformat(), "credentials": count},
        )
        message = f"Everything issued in {locked.name} until {before.isoformat()} was revoked."
        record(actor, "credentials.revoked", message, about)
        _notify(locked)
    return count, deliver(locked)


def _locked(namespace: Namespace, credential: Credential) -> Credential:
    row = namespace.credentials.select_for_update().filter(pk=credential.pk).first()
    if row is None:
        raise NotFound(RESOURCE, str(credential.pk))
    return row


def _revoke(actor: Actor, row: Credential, namespace: Namespace) -> None:
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    resign(namespace)
    _record(actor, "revoked", row, namespace)


def _terms_again(old: Credential) -> Terms:
    lifetime_s = int(old.expires_at.timestamp()) - old.issued_at if old.expires_at else None
    return Terms(
        old.permissions,
        tuple(old.connection_types),
        tuple(old.source_networks),
        None if lifetime_s is None else int(time.time()) + lifetime_s,
    )


def _issue(
    actor: Actor, namespace: Namespace, name: str, terms: Terms, follows: Credential | None = None
) -> Issued:
    """``namespace`` is locked."""
    _check_quota(namespace)
    key = KeyPair.generate("user")
    token = claims.user_jwt(namespace=namespace, user=key.public, name=name, terms=terms)
    creds = format_creds(token, key.seed)
    decoded = jwt.decode_unverified(token)
    credential = Credential.objects.create(
        namespace=namespace,
        project_id=namespace.project_id,
        name=name,
        public_key=key.public,
        jti=decoded.jti,
        checksum=checksum(creds),
        issued_at=decoded.issued_at,
        permissions=terms.permissions,
        connection_types=list(terms.connection_types),
        source_networks=list(terms.source_networks),
        created_by=actor.user,
        expires_at=datetime.fromtimestamp(decoded.expires_at, UTC) if decoded.expires_at else None,
        follows=follows,
    )
    handover.begin(actor, namespace, credential)
    _record(actor, "created", credential, namespace)
    return Issued(credential, creds)


def checksum(creds: str) -> str:
    """By which a holder of the file can tell which credential it is; nobody can make the file from it."""
    return hashlib.sha1(creds.encode(), usedforsecurity=False).hexdigest()


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


def _record(actor: Actor, what: str, credential: Credential, namespace: Namespace) -> None:
    after: dict[str, Any] = {"public_key": credential.public_key}
    if what == "created":
        after |= {
            "jti": credential.jti,
            "permissions": credential.permissions,
            "connection_types": credential.connection_types,
            "source_networks": credential.source_networks,
            "expires_at": credential.expires_at.isoformat() if credential.expires_at else None,
        }
    elif what == "rotated":
        assert credential.revoke_at is not None  # a rotation with an overlap sets it
        after["revoke_at"] = credential.revoke_at.isoformat()
    about = About(
        project=namespace.project, namespace=namespace, target=credential.name, after=after
    )
    record(actor, f"credential.{what}", f"Credential {credential.name} was {what}.", about)
    _notify(namespace)


def _notify(namespace: Namespace) -> None:
    project_id, account = namespace.project_id, namespace.id
    transaction.on_commit(lambda: notices.changed(project_id, "credentials", account))
