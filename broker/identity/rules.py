"""What makes well-formed claims unusable: the rules beyond JSON types, as ``Validate`` has them in Go.

Each function gives the problems as sentences, none when the claims may be used. Times of validity are not here.
Source   github.com/nats-io/jwt v2: types.go, user_claims.go, account_claims.go, exports.go, imports.go
"""

import ipaddress
import zoneinfo
from collections import Counter
from collections.abc import Iterator
from datetime import time

from broker.identity import nkeys
from broker.identity.claims import (
    NO_LIMIT,
    AccountBody,
    AccountClaims,
    JetStreamLimits,
    Permissions,
    TimeRange,
    UserClaims,
    UserPermissionLimits,
)
from broker.identity.exchange_rules import (
    exports_problems,
    has_wildcard,
    imports_problems,
    subject_problem,
)


def user_problems(claims: UserClaims) -> list[str]:
    return list(_user(claims))


def account_problems(claims: AccountClaims) -> list[str]:
    return list(_account(claims))


def parse_time(text: str) -> time:
    """``HH:MM:SS``. Raises ValueError."""
    if len(text) != 8 or text[2] != ":" or text[5] != ":":
        raise ValueError(f"{text!r} isn't HH:MM:SS")
    return time(int(text[:2]), int(text[3:5]), int(text[6:]))


def _user(claims: UserClaims) -> Iterator[str]:
    body = claims.body
    if not nkeys.is_public(claims.subject, "user"):
        yield "sub is not a user public key"
    if body.issuer_account and not nkeys.is_public(body.issuer_account, "account"):
        yield "issuer_account is not an account public key"
    yield from _user_limits(body)


def _user_limits(limits: UserPermissionLimits) -> Iterator[str]:
    yield from _permissions(limits)
    for network in limits.src:
        if not _is_network(network):
            yield f"invalid cidr {network!r} in src"
    for window in limits.times:
        if not _is_window(window):
            yield f"time range {window.start!r} to {window.end!r} isn't HH:MM:SS"
    if limits.times_location and not _is_location(limits.times_location):
        yield f"times_location {limits.times_location!r} is not a known time zone"


def _permissions(permissions: Permissions) -> Iterator[str]:
    pub, sub = permissions.pub, permissions.sub
    for subject in (*pub.allow, *pub.deny):
        yield from _some(subject_problem(subject))
    for entry in (*sub.allow, *sub.deny):
        tokens = entry.split(" ")
        if len(tokens) > 2:
            yield f"permission subject {entry!r} contains too many spaces"
        else:
            yield from filter(None, map(subject_problem, tokens))


def _account(claims: AccountClaims) -> Iterator[str]:
    body = claims.body
    if not nkeys.is_public(claims.subject, "account"):
        yield "sub is not an account public key"
    for key in body.signing_keys:
        if not nkeys.is_public(key, "account"):
            yield f"{key!r} is not an account public key"
    yield from _permissions(body.default_permissions)
    yield from _account_limits(body)
    yield from _mappings(body)
    yield from _trace(body)
    yield from imports_problems(body.imports, claims.subject)
    yield from exports_problems(body.exports)


def _account_limits(body: AccountBody) -> Iterator[str]:
    limits = body.limits
    if limits.tiered_limits:
        if "" in limits.tiered_limits:
            yield 'tiered_limits can not contain a blank "" tier name'
        if _has_flat_limits(limits):
            yield "JetStream limits and tiered_limits are mutually exclusive"
    if limits.imports != NO_LIMIT and len(body.imports) > limits.imports:
        yield "the account contains more imports than allowed by the operator"
    if limits.exports != NO_LIMIT:
        if len(body.exports) > limits.exports:
            yield "the account contains more exports than allowed by the operator"
        if not limits.wildcards and any(has_wildcard(export.subject) for export in body.exports):
            yield "the account contains wildcard exports that are not allowed by the operator"


def _mappings(body: AccountBody) -> Iterator[str]:
    for source, targets in body.mappings.items():
        yield from _some(subject_problem(source))
        total: Counter[str] = Counter()
        for target in targets:
            yield from _some(subject_problem(target.subject))
            if not 0 <= target.weight <= 100:
                yield f"mapping {source!r}: weight {target.weight} is not 0 to 100"
            total[target.cluster] += target.weight or 100
        if any(weight > 100 for weight in total.values()):
            yield f"mapping {source!r} exceeds 100% among all of its weighted mappings"


def _trace(body: AccountBody) -> Iterator[str]:
    if body.trace is None:
        return
    if problem := subject_problem(body.trace.dest):
        yield f"the account trace.dest: {problem}"
    elif has_wildcard(body.trace.dest):
        yield f"the account trace.dest {body.trace.dest!r} is not a valid publish subject"
    if not 0 <= body.trace.sampling <= 100:
        yield f"the account trace.sampling {body.trace.sampling} is not 1 to 100"


def _has_flat_limits(limits: JetStreamLimits) -> bool:
    sizes = (limits.mem_storage, limits.disk_storage, limits.streams, limits.consumer)
    bounds = (limits.max_ack_pending, limits.mem_max_stream_bytes, limits.disk_max_stream_bytes)
    return any((*sizes, *bounds, limits.max_bytes_required))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _is_window(window: TimeRange) -> bool:
    try:
        parse_time(window.start), parse_time(window.end)
    except ValueError:
        return False
    return True


def _is_location(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return name == "Local"
    return True


def _some(problem: str | None) -> Iterator[str]:
    if problem:
        yield problem
