"""Scoped signing keys: a user signed by one has exactly the scope's permissions and limits, templates filled in.

Wire     in the subjects of ``template``: {{name()}} {{subject()}} {{account-name()}} {{account-subject()}}
         {{tag(x)}} {{account-tag(x)}}; a tag ``x:value`` gives ``value``, several give every combination
Limit    EXPANSIONS_MAX subjects from one entry
Source   nats-server auth.go, processUserPermissionsTemplate

An allow entry that can't be filled is dropped (all dropped = nothing is allowed); a deny entry refuses the user.
"""

import itertools
import math
import re
from copy import deepcopy

from broker.identity.claims import AccountClaims, SigningScope, UserClaims, UserPermissionLimits

EXPANSIONS_MAX = 4096
_TEMPLATE = re.compile(r"\{\{([^}]+)\}\}")
_SPACE = re.compile(r"[\t\n\f\r ]")


class ScopeError(ValueError):
    """The user doesn't fit the scope that it was signed with."""


def scoped_limits(
    scope: SigningScope, user: UserClaims, account: AccountClaims
) -> UserPermissionLimits:
    """The permissions and limits that hold for ``user``. Raises ScopeError."""
    if user.issuer != scope.key:
        raise ScopeError("issuer not the scoped signer")
    if not user.body.is_unset():
        raise ScopeError("scoped users require no permissions or limits set")
    limits = deepcopy(scope.template)
    for permission in (limits.sub, limits.pub):
        allowed = bool(permission.allow)
        permission.allow = _expand(permission.allow, user, account, strict=False)
        permission.deny = _expand(permission.deny, user, account, strict=True)
        if allowed and not permission.allow:
            permission.deny.append(">")
    return limits


def _expand(
    entries: list[str], user: UserClaims, account: AccountClaims, *, strict: bool
) -> list[str]:
    if not any(map(_TEMPLATE.search, entries)):
        return entries
    expanded: list[str] = []
    for entry in entries:
        expanded += _expand_entry(entry, user, account, strict=strict)
    return expanded


def _expand_entry(
    entry: str, user: UserClaims, account: AccountClaims, *, strict: bool
) -> list[str]:
    values = [_values(found, entry, user, account) for found in _TEMPLATE.findall(entry)]
    if not values:
        return [entry]
    if math.prod(map(len, values)) > EXPANSIONS_MAX:
        raise ScopeError(f"template {entry!r} expands to more than {EXPANSIONS_MAX} subjects")
    made = [_fill(entry, choice) for choice in itertools.product(*values)]
    good = [subject for subject in made if _is_subject(subject)]
    if strict and (not made or len(good) < len(made)):
        raise ScopeError(f"template {entry!r} generated an invalid subject")
    return good


def _values(found: str, entry: str, user: UserClaims, account: AccountClaims) -> list[str]:
    operation = found.strip().lower()
    match operation:
        case "name()":
            return [user.name]
        case "subject()":
            return [user.subject]
        case "account-name()":
            return [account.name]
        case "account-subject()":
            return [account.subject]
    for head, tags in (("tag(", user.body.tags), ("account-tag(", account.body.tags)):
        if operation.startswith(head) and operation.endswith(")"):
            prefix = operation[len(head) : -1].strip() + ":"
            return [tag[len(prefix) :] for tag in tags if tag.startswith(prefix)]
    raise ScopeError(f"template operation in {entry!r}: {operation!r} is not defined")


def _fill(entry: str, values: tuple[str, ...]) -> str:
    rest = iter(values)
    return _TEMPLATE.sub(lambda _: next(rest), entry)


def _is_subject(subject: str) -> bool:
    tokens = subject.split(".")
    return all(tokens) and not _SPACE.search(subject) and ">" not in tokens[:-1]
