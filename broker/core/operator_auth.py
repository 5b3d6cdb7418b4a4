"""Authentication by user tokens in operator mode.

Wire     CONNECT {"jwt": user token, "sig": base64 signature over INFO's nonce}; bearer tokens need no ``sig``
Answers  -ERR 'Authorization Violation' to every refusal; the reason in full goes to events and logs
Source   nats-server auth.go (processClientOrLeafAuthentication): the order of the checks below is its order
"""

import base64
import binascii
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, get_args

from broker.core.account_claims import Held, OperatorAccounts, join, permissions
from broker.core.auth import ConnectionType, Grant, Peer, Refusal, UserTerms
from broker.identity import nkeys
from broker.identity.claims import UserClaims, UserPermissionLimits
from broker.identity.jwt import JwtError
from broker.identity.rules import parse_time, user_problems
from broker.identity.scopes import ScopeError, scoped_limits
from broker.protocol.ops import ConnectOptions

_CONNECTION_TYPES: Final = frozenset(get_args(ConnectionType))


class _Refused(Exception):
    """Ends the checks; the text is the refusal's reason."""


class OperatorAuthenticator:
    """See ``core.auth.Authenticator``."""

    auth_required = True
    nonce_required = True

    def __init__(self, accounts: OperatorAccounts, pinned: frozenset[str] = frozenset()) -> None:
        """``pinned``: users of these accounts only, and of the system account; empty = of every account."""
        self.accounts = accounts
        self._pinned = pinned

    def authenticate(self, options: ConnectOptions, peer: Peer, now_s: float) -> Grant | Refusal:
        held: Held | None = None
        user: UserClaims | None = None
        try:
            user = _read(options.jwt)
            held = self._proven_account(user, now_s)
            _check_times(user, now_s)
            if held is None:
                raise _Refused(self._why_unproven(user, now_s))
            return _admit(user, held, options, peer, now_s)
        except _Refused as refused:
            account = held.account.name if held is not None else ""
            shown = user.subject if held is not None and user is not None else ""
            return Refusal(str(refused), account=account, user=shown)

    def _proven_account(self, user: UserClaims, now_s: float) -> Held | None:
        """The account, if it is known and its key signed this user; looked up first so that refusals can name it."""
        if self._pinned and user.account not in (*self._pinned, self.accounts.system_account):
            raise _Refused("Account is not among resolver_pinned_accounts")
        held = self.accounts.find(user.account, now_s)
        if held is None or not held.claims.may_sign_users(user.issuer, strict=held.strict):
            return None
        return held

    def _why_unproven(self, user: UserClaims, now_s: float) -> str:
        known = self.accounts.find(user.account, now_s) is not None
        return "User JWT issuer is not known" if known else "Account is not known or not trusted"


def _read(token: str) -> UserClaims:
    if not token:
        raise _Refused("Authentication requires a user JWT")
    try:
        user = UserClaims.decode(token)
    except JwtError as error:
        raise _Refused(f"User JWT not valid: {error}") from None
    if problems := user_problems(user):
        raise _Refused(f"User JWT not valid: {problems[0]}")
    return user


def _check_times(user: UserClaims, now_s: float) -> None:
    if 0 < user.expires_at <= now_s:
        raise _Refused("User JWT has expired")
    if user.not_before > now_s:
        raise _Refused("User JWT is not valid yet")


def _admit(
    user: UserClaims, held: Held, options: ConnectOptions, peer: Peer, now_s: float
) -> Grant:
    """Everything after the issuer was found to be the account's."""
    limits = _limits(user, held)
    asked = held.claims.body.authorization.auth_users
    if asked and user.subject not in asked:
        raise _Refused("Account wants an authorization callout, which this server doesn't make")
    if held.expires_at is not None and held.expires_at <= now_s:
        raise _Refused("Account JWT has expired")
    if limits.bearer_token and held.claims.body.limits.disallow_bearer:
        raise _Refused("Account does not allow bearer tokens")
    _check_connection_type(limits, peer)
    if not limits.bearer_token:
        _check_signature(user.subject, options.sig, peer.nonce)
    if held.claims.body.revoked(user.subject, user.issued_at):
        raise _Refused("User authentication revoked")
    _check_source(limits, peer.ip)
    if limits.proxy_required:
        raise _Refused("Proxy connection required")
    window_end = _window_end(limits, now_s)
    return _grant(user, held, limits, window_end)


def _limits(user: UserClaims, held: Held) -> UserPermissionLimits:
    scope = held.claims.body.signing_keys.get(user.issuer)
    if scope is None:
        return user.body
    try:
        return scoped_limits(scope, user, held.claims)
    except ScopeError as error:
        raise _Refused(f"User JWT is not valid: {error}") from None


def _check_connection_type(limits: UserPermissionLimits, peer: Peer) -> None:
    allowed = {name.upper() for name in limits.allowed_connection_types}
    if allowed and peer.connection_type not in allowed & _CONNECTION_TYPES:
        raise _Refused(f"Connection type {peer.connection_type} not allowed")


def _check_signature(user: str, signature: str, nonce: bytes) -> None:
    if not signature:
        raise _Refused("Signature missing")
    raw = _unbase64(signature)
    if raw is None or not nonce or not nkeys.verify(user, nonce, raw):
        raise _Refused("Signature not verified")


def _unbase64(text: str) -> bytes | None:
    """Raw URL form or the standard one."""
    padded = text + "=" * (-len(text) % 4)
    for altchars in (b"-_", b"+/"):
        try:
            return base64.b64decode(padded, altchars=altchars, validate=True)
        except (binascii.Error, ValueError):
            continue
    return None


def _check_source(limits: UserPermissionLimits, ip: str) -> None:
    if not limits.src:
        return
    try:
        address = ip_address(ip)
    except ValueError:
        raise _Refused("Source address is not known") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not any(address in ip_network(network, strict=False) for network in limits.src):
        raise _Refused(f"Source address {ip} not allowed")


def _window_end(limits: UserPermissionLimits, now_s: float) -> float | None:
    """When the time window that is open now ends; None without windows."""
    if not limits.times:
        return None
    zone = _zone(limits.times_location)
    now = datetime.fromtimestamp(now_s, UTC).astimezone(zone)
    for window in limits.times:
        start, end = parse_time(window.start), parse_time(window.end)
        for day in (now.date(), now.date() - timedelta(days=1)):
            opens = datetime.combine(day, start, now.tzinfo)
            closes = datetime.combine(day + timedelta(days=start > end), end, now.tzinfo)
            if opens <= now < closes:
                return closes.timestamp()
    raise _Refused("Outside connect times")


def _zone(location: str) -> tzinfo | None:
    """None is the machine's own zone."""
    return zoneinfo.ZoneInfo(location) if location not in ("", "Local") else None


def _grant(
    user: UserClaims, held: Held, limits: UserPermissionLimits, window_end: float | None
) -> Grant:
    ends = [end for end in (user.expires_at or None, window_end) if end is not None]
    own = permissions(limits)
    grant = Grant(
        held.account,
        user.subject,
        own or held.default_permissions,
        by_default=own is None,
        issuer=user.issuer,
        issued_at=user.issued_at,
        bearer=limits.bearer_token,
        name=user.name,
        tags=tuple(user.body.tags),
    )
    join(grant, UserTerms(limits.subs, limits.payload, min(ends, default=None)), held)
    return grant
