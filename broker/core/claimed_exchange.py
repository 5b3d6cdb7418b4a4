"""Exports and imports of an account's claims, as ``Exchange`` takes them."""

from typing import Final, cast

from broker.core.activation import read_activation
from broker.core.exports import THRESHOLD_S, Export, Kind, ResponseType
from broker.core.imports import ImportTerms
from broker.identity import claims as wire
from broker.identity.claims import AccountClaims

_NS: Final = 1e9


def exports_of(claims: AccountClaims) -> list[Export]:
    return [_export(entry) for entry in claims.body.exports]


def imports_of(claims: AccountClaims) -> list[ImportTerms]:
    return [_import(entry, claims.subject) for entry in claims.body.imports]


def signers_of(claims: AccountClaims, *, strict: bool) -> list[str]:
    """Who may sign activations for the account; its own key too where the operator isn't strict."""
    keys = list(claims.body.signing_keys)
    return keys if strict else [*keys, claims.subject]


def _export(entry: wire.Export) -> Export:
    return Export(
        cast(Kind, entry.type),
        entry.subject.encode(),
        token_required=entry.token_req,
        token_position=entry.account_token_position,
        revocations=entry.revocations,
        response_type=cast(ResponseType, entry.response_type or "Singleton"),
        threshold_s=entry.response_threshold / _NS or THRESHOLD_S,
        allow_trace=entry.allow_trace,
    )


def _import(entry: wire.Import, importer: str) -> ImportTerms:
    """``to``, older than ``local_subject``, is a prefix for streams, and for services the exporter's subject."""
    subject, local = entry.subject, entry.local_subject
    if entry.to and not local:
        if entry.type == "service":
            subject, local = entry.to, entry.subject
        else:
            local = f"{entry.to.removesuffix('.')}.{entry.subject}"
    return ImportTerms(
        cast(Kind, entry.type),
        entry.account,
        subject.encode(),
        local.encode(),
        entry.share,
        entry.allow_trace,
        read_activation(entry, importer),
    )
