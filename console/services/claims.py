"""What is written into account and user JWTs, and how it is signed.

``iat`` of an account's claims grows with every change, by at least one: brokers take the newer claims and refuse
older ones, so two changes within a second must still be told apart.
"""

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q

from broker.identity import jwt
from broker.identity.claims import ALL
from broker.identity.nkeys import KeyPair
from console.models import Export, Import, Namespace
from console.services import keys, limits
from console.services.errors import QuotaExceeded
from console.services.terms import Terms

UNLIMITED: dict[str, Any] = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}


def next_iat(previous: int = 0) -> int:
    return max(int(time.time()), previous + 1)


def sign_namespace(namespace: Namespace, now: datetime) -> None:
    """Sets ``claims`` and ``claims_iat`` from the namespace and its revoked credentials; doesn't save."""
    namespace.claims_iat = next_iat(namespace.claims_iat or 0)
    claims = {
        "sub": namespace.id,
        "name": namespace.name,
        "iat": namespace.claims_iat,
        "nats": _account_body(namespace, _revocations(namespace, now)),
    }
    namespace.claims = jwt.encode(claims, keys.operator_signing_key())


def tombstone(account: str, iat: int) -> str:
    """The operator's word that this account is deleted (see ``broker.identity.claims``)."""
    body = {"type": "generic", "version": 2, "accounts": [account]}
    claims = {"sub": account, "iat": iat, "nats": body}
    return jwt.encode(claims, keys.operator_signing_key())


def user_jwt(*, namespace: Namespace, user: str, name: str, terms: Terms) -> str:
    """A user of ``namespace``, signed with its signing key. ``user`` is the public key."""
    rules = terms.permissions or {}
    body: dict[str, Any] = {
        "pub": rules.get("publish") or {},
        "sub": rules.get("subscribe") or {},
        "subs": -1,
        "data": -1,
        "payload": -1,
        "issuer_account": namespace.id,
        "type": "user",
        "version": 2,
    }
    if terms.source_networks:
        body["src"] = list(terms.source_networks)
    if terms.connection_types:
        body["allowed_connection_types"] = list(terms.connection_types)
    # What was issued until then is revoked, this not, even within the same second.
    issued_at = max(int(time.time()), namespace.revoked_before + 1)
    claims: dict[str, Any] = {"sub": user, "name": name, "iat": issued_at, "nats": body}
    if terms.expires_at is not None:
        claims["exp"] = terms.expires_at
    return jwt.encode(claims, keys.namespace_signing_key(namespace))


def new_user(
    namespace: Namespace, name: str, *, lifetime_s: int, permissions: dict[str, Any]
) -> tuple[str, str]:
    """A short-lived user for this program's own work in a namespace: its JWT and its seed."""
    key = KeyPair.generate("user")
    terms = Terms(permissions, expires_at=int(time.time()) + lifetime_s)
    return user_jwt(namespace=namespace, user=key.public, name=name, terms=terms), key.seed


def _account_body(namespace: Namespace, revocations: dict[str, int]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "account",
        "version": 2,
        "limits": UNLIMITED | limits.of_claims(namespace),
        "signing_keys": [namespace.signing_public_key],
    }
    if revocations:
        body["revocations"] = revocations
    exports = [_export(row) for row in namespace.exports.order_by("created_at", "pk")]
    imports = namespace.imports.select_related("export__namespace").order_by("created_at", "pk")
    if exports:
        body["exports"] = exports
    if taken := [_import(row, namespace) for row in imports]:
        body["imports"] = taken
    return body


def _export(row: Export) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": row.name, "subject": row.subject, "type": row.kind}
    if not row.public:
        entry["token_req"] = True
    return entry


def _import(row: Import, namespace: Namespace) -> dict[str, Any]:
    export = row.export
    entry = {
        "name": export.name,
        "subject": export.subject,
        "account": export.namespace_id,
        "type": export.kind,
    }
    if row.local_subject != export.subject:
        entry["local_subject"] = row.local_subject
    if not export.public:
        entry["token"] = _activation(export, namespace)
    return entry


def _activation(export: Export, importer: Namespace) -> str:
    """The exporting account's leave for ``importer``."""
    body = {
        "subject": export.subject,
        "kind": export.kind,
        "issuer_account": export.namespace_id,
        "type": "activation",
        "version": 2,
    }
    claims = {"sub": importer.id, "name": export.subject, "nats": body}
    return jwt.encode(claims, keys.namespace_signing_key(export.namespace))


def _revocations(namespace: Namespace, now: datetime) -> dict[str, int]:
    """User → when revoked, ``*`` for all users. A credential that has expired needs no revocation any more."""
    needed = namespace.credentials.filter(
        ~Q(revoked_at=None),
        Q(expires_at=None) | Q(expires_at__gt=now),
        issued_at__gt=namespace.revoked_before,
    )
    rows = needed.values_list("public_key", "issued_at", "revoked_at")
    revocations = {
        # A user is refused when its iat ≤ this; both are whole seconds, and clocks may have been set back.
        key: max(issued_at, int(revoked_at.timestamp()))
        for key, issued_at, revoked_at in rows
        if revoked_at is not None
    }
    limit = settings.REVOCATIONS_PER_NAMESPACE
    if len(revocations) > limit:
        raise QuotaExceeded(
            "credentials", limit, f"A namespace can hold at most {limit} revocations.", limit
        )
    if namespace.revoked_before:
        revocations[ALL] = namespace.revoked_before
    return revocations
