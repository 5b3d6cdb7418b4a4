"""Operator mode for transcripts: accounts and users whose tokens both servers get, in one configuration."""

import time
from dataclasses import dataclass, field
from typing import Any

from broker.identity.claims import (
    AccountClaims,
    ActivationClaims,
    Export,
    Import,
    Permission,
    Permissions,
    ResponsePermission,
    SigningScope,
    TimeRange,
    UserBody,
    UserClaims,
    UserPermissionLimits,
    WeightedMapping,
)
from broker.identity.nkeys import KeyPair


def _key(kind: Any) -> KeyPair:
    return KeyPair.generate(kind)


@dataclass
class Keys:
    """All keys of the world; made anew for each session."""

    operator: KeyPair = field(default_factory=lambda: _key("operator"))
    exporter: KeyPair = field(default_factory=lambda: _key("account"))
    exporter_signer: KeyPair = field(default_factory=lambda: _key("account"))
    importer: KeyPair = field(default_factory=lambda: _key("account"))
    importer_scope: KeyPair = field(default_factory=lambda: _key("account"))
    stranger: KeyPair = field(default_factory=lambda: _key("account"))


KEYS = Keys()
NOW = int(time.time())


def _activation(
    what: str, kind: str, signer: KeyPair | None = None, own: bool = False, **more: Any
) -> str:
    """``own``: the signer signs for itself."""
    claims = ActivationClaims(subject=KEYS.importer.public, issued_at=NOW - 10)
    for name, value in more.items():
        setattr(claims, name, value)
    claims.body.subject, claims.body.kind = what, kind
    if signer is not None and not own:
        claims.body.issuer_account = KEYS.exporter.public
    return claims.encode(signer or KEYS.exporter)


def _import(kind: str, subject: str, **more: Any) -> Import:
    entry = Import.from_dict({"type": kind, "subject": subject, "account": KEYS.exporter.public})
    for name, value in more.items():
        setattr(entry, name, value)
    return entry


def _export(kind: str, subject: str, **more: Any) -> Export:
    entry = Export.from_dict({"type": kind, "subject": subject})
    for name, value in more.items():
        setattr(entry, name, value)
    return entry


def _exporter() -> AccountClaims:
    claims = AccountClaims(subject=KEYS.exporter.public, name="exporter", issued_at=NOW - 60)
    body = claims.body
    body.signing_keys = {KEYS.exporter_signer.public: None}
    body.exports = [
        _export("stream", "open.>"),
        _export("stream", "closed.*", token_req=True),
        _export("stream", "revoked", token_req=True, revocations={KEYS.importer.public: NOW}),
        _export("service", "svc.*", response_type="Stream"),
        _export("service", "private", token_req=True),
        _export("stream", "own.*.>", account_token_position=2),
    ]
    return claims


def _importer() -> AccountClaims:
    claims = AccountClaims(subject=KEYS.importer.public, name="importer", issued_at=NOW - 60)
    body = claims.body
    body.signing_keys = {KEYS.importer_scope.public: _scope()}
    body.default_permissions = Permissions(pub=Permission(deny=["default.denied"]))
    body.mappings = {"map.*": [WeightedMapping(subject="mapped.$1")]}
    own = f"own.{KEYS.importer.public}.>"
    body.imports = [
        _import("stream", "open.>", local_subject="here.>"),
        _import("stream", "closed.a", token=_activation("closed.*", "stream")),
        _import("stream", "closed.b", token=_activation("closed.b", "stream", KEYS.exporter_signer)),
        _import("stream", "closed.c", token=_activation("closed.c", "stream", expires_at=NOW - 5)),
        _import("stream", "closed.f"),
        _import("stream", "revoked", token=_activation("revoked", "stream")),
        _import("stream", own),
        _import("service", "svc.*", local_subject="ask.*", share=True),
        _import("service", "private", token=_activation("private", "service")),
        _import("service", "svc.old", to="svc.x"),
    ]  # fmt: skip
    return claims


#: Imports that make the whole account unusable: fields, and the parts of an activation if there is one.
_BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "an activation for another subject": ({"subject": "closed.d"}, {"what": "closed.x"}),
    "an activation of another kind": ({"subject": "closed.d"}, {"kind": "service"}),
    "an activation for another account": (
        {"subject": "closed.d"},
        {"subject": KEYS.stranger.public},
    ),
    "an activation by a stranger": (
        {"subject": "closed.d"},
        {"signer": KEYS.stranger, "own": True},
    ),
    "an activation that is none": ({"subject": "open.a", "token": "abc"}, None),
    "wildcards left over": ({"subject": "open.*", "local_subject": "here"}, None),
    "a reference too many": ({"subject": "open.*", "local_subject": "here.$2"}, None),
    "open ends that don't meet": ({"subject": "open.>", "local_subject": "here"}, None),
    "both ways to rename": ({"subject": "open.a", "local_subject": "here", "to": "there"}, None),
    "a stream shared": ({"subject": "open.a", "share": True}, None),
    "no account": ({"subject": "open.a", "account": ""}, None),
    "nothing wrong": ({"subject": "closed.d"}, {}),
}
BROKEN = {name: KeyPair.generate("account") for name in _BROKEN}


def _broken(name: str) -> AccountClaims:
    account, (fields, parts) = BROKEN[name], _BROKEN[name]
    claims = AccountClaims(subject=account.public, name="broken", issued_at=NOW - 60)
    entry = _import("stream", **fields)
    if parts is not None:
        more = {"subject": account.public} | parts
        entry.token = _activation(more.pop("what", "closed.*"), more.pop("kind", "stream"), **more)
    claims.body.imports = [entry]
    return claims


def _scope() -> SigningScope:
    template = UserPermissionLimits(subs=2, payload=10)
    template.pub.allow = ["u.{{name()}}.>", "t.{{tag(team)}}"]
    template.sub.allow = ["u.{{name()}}.>", "_INBOX.>"]
    return SigningScope(key=KEYS.importer_scope.public, role="scoped", template=template)


_LINES = "\n  ".join(
    f"{BROKEN[name].public}: {_broken(name).encode(KEYS.operator)}" for name in BROKEN
)
CONFIG = f"""
trusted_keys: {KEYS.operator.public}
resolver: MEMORY
resolver_preload {{
  {KEYS.exporter.public}: {_exporter().encode(KEYS.operator)}
  {KEYS.importer.public}: {_importer().encode(KEYS.operator)}
  {_LINES}
}}
"""


def _user(account: KeyPair, signer: KeyPair | None = None, **body: Any) -> dict[str, Any]:
    """CONNECT options of a new user."""
    key = KeyPair.generate("user")
    issued = {
        name: body.pop(name) for name in ("issued_at", "expires_at", "not_before") if name in body
    }
    claims = UserClaims(subject=key.public, name="user", **({"issued_at": NOW - 5} | issued))
    claims.body = UserBody(**body)
    if signer is not None:
        claims.body.issuer_account = account.public
    options = {"jwt": claims.encode(signer or account), "key": key}
    if claims.body.bearer_token:
        del options["key"]
    return options


def exporter(**body: Any) -> dict[str, Any]:
    return _user(KEYS.exporter, **body)


def importer(**body: Any) -> dict[str, Any]:
    return _user(KEYS.importer, **body)


def scoped(**body: Any) -> dict[str, Any]:
    """A user whose token says nothing itself."""
    return _user(
        KEYS.importer, KEYS.importer_scope, **({"subs": 0, "data": 0, "payload": 0} | body)
    )


def stranger() -> dict[str, Any]:
    return _user(KEYS.stranger)


def permissions(
    pub: list[str], sub: list[str], resp: tuple[int, int] | None = None
) -> dict[str, Any]:
    """As parts of a user's token."""
    found: dict[str, Any] = {"pub": Permission(allow=pub), "sub": Permission(allow=sub)}
    if resp is not None:
        found["resp"] = ResponsePermission(max=resp[0], ttl=resp[1])
    return found


def window(start: str, end: str) -> list[TimeRange]:
    return [TimeRange(start=start, end=end)]


def broken(name: str) -> dict[str, Any]:
    """A user of an account with that import."""
    return _user(BROKEN[name])
