"""What operator, account and user tokens say: the typed bodies, to and from JSON, unknown fields kept.

Names are the JSON's. Numbers: -1 = no limit, 0 = none at all (an absent limit is 0, as nats-server reads it).
Durations are nanoseconds, times Unix seconds. The subject rules and limits that make well-formed claims
unusable are in ``rules.py``.

Making a token:   ``AccountClaims(subject=account.public, name="orders").encode(operator)``
Reading one:      ``AccountClaims.decode(token)``; the signature is checked, who may sign is the caller's matter
"""

# ruff: noqa: RUF009  (``wire`` is a field specifier: each call makes a new dataclasses.field)

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from broker.identity import nkeys
from broker.identity.jwt import VERSION, Decoded, JwtError, decode, decode_unverified, encode
from broker.identity.wire import (
    Body,
    body_of,
    flag,
    integer,
    list_of,
    map_of,
    optional_body_of,
    text,
    texts,
    wire,
)

NO_LIMIT = -1
#: In ``revocations``: every user.
ALL = "*"


# Permissions and limits of a user ---------------------------------------------------------------------


@dataclass(slots=True)
class Permission(Body):
    """Subjects for publishing, or ``"subject"``/``"subject queue"`` for subscribing; empty allow = everything."""

    allow: list[str] = wire(texts)
    deny: list[str] = wire(texts)


@dataclass(slots=True)
class ResponsePermission(Body):
    """The right to answer a received reply subject: ``max`` messages within ``ttl`` ns; 0 = default, -1 = no limit."""

    max: int = wire(integer)
    ttl: int = wire(integer)

    def to_dict(self) -> dict[str, Any]:
        """Zeros too: without them the object would be empty, and left out as if there were no such right."""
        return {"max": self.max, "ttl": self.ttl, **self.unknown}


@dataclass(slots=True)
class Permissions(Body):
    pub: Permission = wire(body_of(Permission))
    sub: Permission = wire(body_of(Permission))
    resp: ResponsePermission | None = wire(optional_body_of(ResponsePermission), None)

    def is_empty(self) -> bool:
        pub, sub = self.pub, self.sub
        return not (pub.allow or pub.deny or sub.allow or sub.deny or self.resp)


@dataclass(slots=True)
class TimeRange(Body):
    """``HH:MM:SS`` each; an end before the start is on the next day."""

    start: str = wire(text)
    end: str = wire(text)


def _networks(value: Any, where: str) -> list[str]:
    """A list of CIDRs; older tokens have one string with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return texts(value, where)


@dataclass(slots=True)
class UserPermissionLimits(Permissions):
    """All that a scope may fix for its users."""

    src: list[str] = wire(_networks)
    times: list[TimeRange] = wire(list_of(body_of(TimeRange)))
    times_location: str = wire(text)
    subs: int = wire(integer, NO_LIMIT)
    data: int = wire(integer, NO_LIMIT)
    payload: int = wire(integer, NO_LIMIT)
    bearer_token: bool = wire(flag)
    proxy_required: bool = wire(flag)
    allowed_connection_types: list[str] = wire(texts)

    def is_unset(self) -> bool:
        """Whether nothing at all is said, as a scoped user's token must be."""
        limits = self.subs or self.data or self.payload
        where = self.src or self.times or self.times_location or self.allowed_connection_types
        return self.is_empty() and not (limits or where or self.bearer_token or self.proxy_required)

    def unset(self) -> None:
        """Removes every permission and limit: the form for a user that a scope describes."""
        empty = UserPermissionLimits.from_dict({})
        for name in ("pub", "sub", "resp", "src", "times", "times_location", "subs", "data",
                     "payload", "bearer_token", "proxy_required", "allowed_connection_types"):  # fmt: skip
            setattr(self, name, getattr(empty, name))


@dataclass(slots=True)
class UserBody(UserPermissionLimits):
    issuer_account: str = wire(text)
    tags: list[str] = wire(texts)
    type: str = wire(text, "user")
    version: int = wire(integer, VERSION)


# Accounts ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class JetStreamLimits(Body):
    """One tier, bytes and counts; 0 storage = JetStream is off there."""

    mem_storage: int = wire(integer)
    disk_storage: int = wire(integer)
    streams: int = wire(integer)
    consumer: int = wire(integer)
    max_ack_pending: int = wire(integer)
    mem_max_stream_bytes: int = wire(integer)
    disk_max_stream_bytes: int = wire(integer)
    max_bytes_required: bool = wire(flag)


@dataclass(slots=True)
class AccountLimits(JetStreamLimits):
    """``subs`` and ``payload`` hold per connection, ``conn`` and ``leaf`` for the account; ``data`` is carried only.

    ``sync_interval`` is ours, other programs pass over it: nanoseconds that what was acknowledged may not be on disk
    yet, of JetStream in file storage; 0 = as the server says, less = it's on disk first.
    """

    subs: int = wire(integer, NO_LIMIT)
    data: int = wire(integer, NO_LIMIT)
    payload: int = wire(integer, NO_LIMIT)
    imports: int = wire(integer, NO_LIMIT)
    exports: int = wire(integer, NO_LIMIT)
    wildcards: bool = wire(flag, True)
    conn: int = wire(integer, NO_LIMIT)
    leaf: int = wire(integer, NO_LIMIT)
    disallow_bearer: bool = wire(flag)
    sync_interval: int = wire(integer)
    tiered_limits: dict[str, JetStreamLimits] = wire(map_of(body_of(JetStreamLimits)))


@dataclass(slots=True)
class SigningScope(Body):
    """A signing key whose users have exactly the template's permissions and limits."""

    key: str = wire(text)
    role: str = wire(text)
    description: str = wire(text)
    template: UserPermissionLimits = wire(body_of(UserPermissionLimits), made=UserPermissionLimits)
    kind: str = wire(text, "user_scope")


@dataclass(slots=True)
class Import(Body):
    name: str = wire(text)
    subject: str = wire(text)
    account: str = wire(text)
    token: str = wire(text)
    to: str = wire(text)
    local_subject: str = wire(text)
    type: str = wire(text)
    share: bool = wire(flag)
    allow_trace: bool = wire(flag)


@dataclass(slots=True)
class Export(Body):
    name: str = wire(text)
    subject: str = wire(text)
    type: str = wire(text)
    token_req: bool = wire(flag)
    revocations: dict[str, int] = wire(map_of(integer))
    response_type: str = wire(text)
    response_threshold: int = wire(integer)
    account_token_position: int = wire(integer)
    advertise: bool = wire(flag)
    allow_trace: bool = wire(flag)


@dataclass(slots=True)
class WeightedMapping(Body):
    """``weight`` in per cent; 0 stands for 100."""

    subject: str = wire(text)
    weight: int = wire(integer)
    cluster: str = wire(text)


@dataclass(slots=True)
class ExternalAuthorization(Body):
    auth_users: list[str] = wire(texts)
    allowed_accounts: list[str] = wire(texts)
    xkey: str = wire(text)


SigningKeys = dict[str, SigningScope | None]


def _signing_keys(value: Any, where: str) -> SigningKeys:
    """Wire: a list of public keys and of scope objects."""
    keys: SigningKeys = {}
    entries: list[Any] = list_of(lambda entry, _: entry)(value, where)
    for entry in entries:
        if isinstance(entry, dict):
            scope = SigningScope.from_dict(entry, f"{where}.")
            if scope.kind != "user_scope":
                raise JwtError(f"{where}: unknown scope kind {scope.kind!r}")
            keys[scope.key] = scope
        else:
            keys[text(entry, where)] = None
    return keys


@dataclass(slots=True)
class MessageTrace(Body):
    """Where traces of messages with a ``traceparent`` go, and what share of them in per cent (0 = all)."""

    dest: str = wire(text)
    sampling: int = wire(integer)

    def to_dict(self) -> dict[str, Any]:
        return {"dest": self.dest, "sampling": self.sampling, **self.unknown}


@dataclass(slots=True)
class AccountBody(Body):
    limits: AccountLimits = wire(body_of(AccountLimits), made=AccountLimits)
    #: Public key → its scope; None = the key may sign any user.
    signing_keys: SigningKeys = wire(_signing_keys)
    #: User public key or ALL → Unix seconds; tokens issued then or earlier are refused.
    revocations: dict[str, int] = wire(map_of(integer))
    default_permissions: Permissions = wire(body_of(Permissions))
    imports: list[Import] = wire(list_of(body_of(Import)))
    exports: list[Export] = wire(list_of(body_of(Export)))
    mappings: dict[str, list[WeightedMapping]] = wire(map_of(list_of(body_of(WeightedMapping))))
    authorization: ExternalAuthorization = wire(body_of(ExternalAuthorization))
    trace: MessageTrace | None = wire(optional_body_of(MessageTrace), None)
    description: str = wire(text)
    info_url: str = wire(text)
    tags: list[str] = wire(texts)
    type: str = wire(text, "account")
    version: int = wire(integer, VERSION)

    def to_dict(self) -> dict[str, Any]:
        written = Body.to_dict(self)
        if self.signing_keys:
            written["signing_keys"] = [
                scope.to_dict() if scope else key for key, scope in self.signing_keys.items()
            ]
        return written

    def revoked(self, user: str, issued_at: int) -> bool:
        """Whether a token of ``user`` issued at that time has been revoked."""
        at = max(self.revocations.get(user, -1), self.revocations.get(ALL, -1))
        return at >= issued_at


@dataclass(slots=True)
class OperatorBody(Body):
    signing_keys: list[str] = wire(texts)
    account_server_url: str = wire(text)
    operator_service_urls: list[str] = wire(texts)
    system_account: str = wire(text)
    assert_server_version: str = wire(text)
    #: Only the signing keys may sign then, for accounts and for the users of those accounts.
    strict_signing_key_usage: bool = wire(flag)
    tags: list[str] = wire(texts)
    type: str = wire(text, "operator")
    version: int = wire(integer, VERSION)


@dataclass(slots=True)
class TombstoneBody(Body):
    """Operator's word that these accounts are deleted; ``sub`` is the account as well."""

    accounts: list[str] = wire(texts)
    type: str = wire(text, "generic")
    version: int = wire(integer, VERSION)


@dataclass(slots=True)
class ActivationBody(Body):
    """``subject`` and ``kind`` (stream or service) are what may be imported."""

    subject: str = wire(text)
    kind: str = wire(text)
    issuer_account: str = wire(text)
    tags: list[str] = wire(texts)
    type: str = wire(text, "activation")
    version: int = wire(integer, VERSION)


# The envelope -----------------------------------------------------------------------------------------

_ENVELOPE = ("jti", "iss", "iat", "exp", "nbf", "sub", "name", "aud", "nats")
_V1_MOVED = ("type", "tags", "issuer_account")


@dataclass(slots=True)
class _Claims:
    """What all tokens have. ``issuer`` and ``jti`` are set by signing; ``issued_at`` too where it is 0."""

    TYPE: ClassVar[str] = ""

    subject: str
    name: str = ""
    issued_at: int = 0
    expires_at: int = 0
    not_before: int = 0
    audience: str = ""
    issuer: str = ""
    jti: str = ""
    unknown: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def decode(cls, token: str) -> Self:
        """Verifies the signature. Raises JwtError, also when the token is of another type."""
        return cls.from_decoded(decode(token))

    @classmethod
    def decode_unverified(cls, token: str) -> Self:
        """For a token that this program verified before it stored it."""
        return cls.from_decoded(decode_unverified(token))

    @classmethod
    def from_decoded(cls, decoded: Decoded) -> Self:
        if decoded.type != cls.TYPE:
            raise JwtError(f"type: expected {cls.TYPE!r}")
        moved = _V1_MOVED if decoded.version <= 1 else ()
        return cls(
            subject=decoded.subject,
            name=decoded.name,
            issued_at=decoded.issued_at,
            expires_at=decoded.expires_at,
            not_before=decoded.not_before,
            audience=decoded.audience,
            issuer=decoded.issuer,
            jti=decoded.jti,
            unknown={k: v for k, v in decoded.claims.items() if k not in (*_ENVELOPE, *moved)},
            body=cls._read_body(decoded),  # type: ignore[call-arg]
        )

    @classmethod
    def _read_body(cls, decoded: Decoded) -> Body:
        """The body of this kind of claims. Raises JwtError."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The claims as JSON has them, for ``jwt.encode``."""
        head = {
            "jti": self.jti, "iat": self.issued_at, "iss": self.issuer, "name": self.name,
            "sub": self.subject, "aud": self.audience, "exp": self.expires_at, "nbf": self.not_before,
        }  # fmt: skip
        body: Body = self.body  # type: ignore[attr-defined]
        return {**self.unknown, **{k: v for k, v in head.items() if v}, "nats": body.to_dict()}

    def encode(self, signer: nkeys.KeyPair, *, now_s: float | None = None) -> str:
        """The signed token. ``issued_at`` stays as it is when set."""
        return encode(self.to_dict(), signer, now_s=now_s)


def _body(decoded: Decoded) -> dict[str, Any]:
    """Version 1 had some of the body's fields beside it, and no limits meant none."""
    body = decoded.body
    if decoded.version <= 1:
        moved = {k: decoded.claims[k] for k in _V1_MOVED if k in decoded.claims}
        body = {**body, **moved, "version": 1}
        if decoded.type == "user":
            body = {"subs": NO_LIMIT, "data": NO_LIMIT, "payload": NO_LIMIT, **body}
    return body


@dataclass(slots=True)
class OperatorClaims(_Claims):
    TYPE: ClassVar[str] = "operator"
    body: OperatorBody = field(default_factory=OperatorBody)

    @classmethod
    def _read_body(cls, decoded: Decoded) -> OperatorBody:
        return OperatorBody.from_dict(_body(decoded), "nats.")


@dataclass(slots=True)
class AccountClaims(_Claims):
    TYPE: ClassVar[str] = "account"
    body: AccountBody = field(default_factory=AccountBody)

    @classmethod
    def _read_body(cls, decoded: Decoded) -> AccountBody:
        return AccountBody.from_dict(_body(decoded), "nats.")

    def may_sign_users(self, key: str, *, strict: bool = False) -> bool:
        """Whether ``key`` is a signing key, or the account's own where the operator isn't strict."""
        return key in self.body.signing_keys or (key == self.subject and not strict)


@dataclass(slots=True)
class UserClaims(_Claims):
    """Signed by an account; ``body.issuer_account`` is set where a signing key did it."""

    TYPE: ClassVar[str] = "user"
    body: UserBody = field(default_factory=UserBody)

    @classmethod
    def _read_body(cls, decoded: Decoded) -> UserBody:
        return UserBody.from_dict(_body(decoded), "nats.")

    @property
    def account(self) -> str:
        return self.body.issuer_account or self.issuer


@dataclass(slots=True)
class ActivationClaims(_Claims):
    """Leave to import from an account, signed by it or its signing key; ``subject`` is the importing one."""

    TYPE: ClassVar[str] = "activation"
    body: ActivationBody = field(default_factory=ActivationBody)

    @classmethod
    def _read_body(cls, decoded: Decoded) -> ActivationBody:
        return ActivationBody.from_dict(_body(decoded), "nats.")


@dataclass(slots=True)
class Tombstone(_Claims):
    """An account's deletion, signed by the operator. Stored where the account's token stood.

    An absent entry deletes nothing: a store that lost its data must not take accounts with it.
    """

    TYPE: ClassVar[str] = "generic"
    body: TombstoneBody = field(default_factory=TombstoneBody)

    @classmethod
    def of(cls, account: str, *, issued_at: int = 0) -> Self:
        return cls(subject=account, issued_at=issued_at, body=TombstoneBody(accounts=[account]))

    @classmethod
    def _read_body(cls, decoded: Decoded) -> TombstoneBody:
        body = TombstoneBody.from_dict(_body(decoded), "nats.")
        if decoded.subject not in body.accounts:
            raise JwtError("nats.accounts: doesn't name the subject")
        return body


def account_entry(token: str, *, verified: bool = False) -> AccountClaims | Tombstone:
    """What stands in the store of claims under an account's key. Raises JwtError.

    ``verified``: the token comes from this program's own disk, where it was put after verification.
    """
    decoded = decode_unverified(token) if verified else decode(token)
    readers: Mapping[str, type[AccountClaims | Tombstone]] = {
        "account": AccountClaims,
        "generic": Tombstone,
    }
    reader = readers.get(decoded.type)
    if reader is None:
        raise JwtError(f"type: {decoded.type!r} is neither an account nor a tombstone")
    if not nkeys.is_public(decoded.subject, "account"):
        raise JwtError("sub: not an account's public key")
    return reader.from_decoded(decoded)
