"""What makes exports and imports of an account unusable, and with them its whole token; part of ``rules``.

Source   github.com/nats-io/jwt v2: exports.go, imports.go, types.go (Subject, RenamingSubject)
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from broker.identity import nkeys
from broker.identity.claims import ActivationClaims, Export, Import
from broker.identity.jwt import JwtError

_KINDS = ("stream", "service")
_RESPONSES = ("", "Singleton", "Stream", "Chunked")
_REFERENCE = re.compile(r"\$[+-]?[0-9]+")


def subject_problem(subject: str) -> str | None:
    if not subject:
        return "subject cannot be empty"
    if " " in subject:
        return f"subject {subject!r} cannot have spaces"
    if subject[0] == "." or subject[-1] == "." or ".." in subject:
        return f"subject {subject!r} has an empty token"
    return None


def has_wildcard(subject: str) -> bool:
    return bool({"*", ">"} & set(subject.split(".")))


# Exports ----------------------------------------------------------------------------------------------


def exports_problems(exports: Sequence[Export]) -> Iterator[str]:
    for entry in exports:
        yield from _export(entry)
    for kind in _KINDS:
        subjects = [entry.subject for entry in exports if entry.type == kind]
        for i, inner in enumerate(subjects):
            for outer in (*subjects[:i], *subjects[i + 1 :]):
                if contained(inner, outer):
                    yield f"{kind} export subject {outer!r} already exports {inner!r}"


def _export(entry: Export) -> Iterator[str]:
    if entry.type not in _KINDS:
        yield f"invalid export type: {entry.type!r}"
    if entry.response_type not in (_RESPONSES if entry.type == "service" else ("",)):
        yield f"invalid response type for {entry.type}: {entry.response_type!r}"
    if entry.type == "stream" and entry.allow_trace:
        yield "allow_trace is only valid for service exports"
    if entry.response_threshold < 0:
        yield "negative response threshold is invalid"
    if entry.response_threshold > 0 and entry.type != "service":
        yield "response threshold only valid for services"
    if problem := subject_problem(entry.subject):
        yield problem
    tokens, at = entry.subject.split("."), entry.account_token_position
    if at and not (0 < at <= len(tokens) and tokens[at - 1] == "*"):
        yield f"export of {entry.subject!r}: account_token_position {at} is not a * token"


# Imports ----------------------------------------------------------------------------------------------


def imports_problems(imports: Iterable[Import], own: str) -> Iterator[str]:
    """``own`` is the importing account."""
    services: dict[str, list[str]] = {}
    for entry in imports:
        if entry.type == "service":
            local = entry.to or _as_filter(entry.local_subject) or entry.subject
            known = services.setdefault(entry.account, [])
            for other in known:
                if contained(local, other) or contained(other, local):
                    yield f"overlapping subject namespace for {local!r} and {other!r} in same account"
            known.append(local)
        yield from _import(entry, own)


def _import(entry: Import, own: str) -> Iterator[str]:
    if entry.type not in _KINDS:
        yield f"invalid import type: {entry.type!r}"
    if entry.type == "service" and entry.allow_trace:
        yield "allow_trace is only valid for stream imports"
    if not entry.account:
        yield "account to import from is not specified"
    if problem := subject_problem(entry.subject):
        yield problem
    if entry.local_subject:
        yield from _renaming(entry.local_subject, entry.subject)
        if entry.to:
            yield f"import of {entry.subject!r}: to and local_subject are mutually exclusive"
    if entry.share and entry.type != "service":
        yield f"sharing information is only valid for services: {entry.subject!r}"
    if entry.token:
        yield from _activation(entry, own)


def _renaming(local: str, subject: str) -> Iterator[str]:
    if problem := subject_problem(local):
        yield problem
    if (local.split(".")[-1] == ">") != (subject.split(".")[-1] == ">"):
        yield "both, renaming subject and subject, need to end or not end in >"
    there, used = subject.split(".").count("*"), local.split(".").count("*")
    for token in local.split("."):
        if _REFERENCE.fullmatch(token):
            used += 1
            if int(token[1:]) > there:
                yield f"reference {token} in {local!r} is to a * that does not exist in {subject!r}"
    if used != there:
        yield "subject does not contain enough * or reference wildcards $[0-9]"


def _activation(entry: Import, own: str) -> Iterator[str]:
    try:
        claims = ActivationClaims.decode(entry.token)
    except JwtError:
        yield f"import {entry.subject!r} contains an invalid activation token"
        return
    body = claims.body
    if entry.account not in (claims.issuer, body.issuer_account):
        yield f"activation token doesn't match account for import {entry.subject!r}"
    if claims.subject != own:
        yield f"activation token doesn't match account it is being included in, {entry.subject!r}"
    if body.kind != entry.type:
        yield f"mismatch between token import type {body.kind} and type of import {entry.type}"
    if body.issuer_account and not nkeys.is_public(body.issuer_account, "account"):
        yield "issuer_account is not an account public key"
    if problem := subject_problem(body.subject):
        yield problem
    elif not contained(_exporters_subject(entry), body.subject):
        yield f"activation token import subject {body.subject!r} doesn't match import {entry.subject!r}"


def _exporters_subject(entry: Import) -> str:
    return entry.to if entry.type == "service" and entry.to else entry.subject


def _as_filter(local: str) -> str:
    return ".".join("*" if _REFERENCE.fullmatch(t) else t for t in local.split("."))


def contained(subject: str, other: str) -> bool:
    """Whether ``other`` covers ``subject``, as the rules see it."""
    ours, theirs = subject.split("."), other.split(".")
    if len(ours) < len(theirs) or (len(ours) > len(theirs) and theirs[-1] != ">"):
        return False
    for i, token in enumerate(theirs):
        if token == ">" and i == len(theirs) - 1:  # noqa: S105
            return True
        if token not in (ours[i], "*"):
            return False
    return True
