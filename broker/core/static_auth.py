"""Authentication by what the configuration names: a token, users with passwords, nkeys; or nobody at all.

Answers  every refusal is 'Authorization Violation' on the wire
Source   nats-server ``auth.go`` (processClientOrLeafAuthentication), in its order: nkey, certificate, user, token
"""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from broker.core.auth import Answer, Checking, Grant, Peer, Refusal
from broker.core.passwords import Passwords

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.permissions import Permissions
    from broker.protocol.ops import ConnectOptions

#: As connz shows a client that came with a token.
TOKEN_USER: Final = "[REDACTED]"  # noqa: S105 — what is shown instead of one


@dataclass(frozen=True, slots=True)
class StaticUser:
    """``name`` is a user name or a public user nkey; no types in ``connection_types`` = all of them."""

    name: str
    account: "Account"
    password: str = field(default="", repr=False)
    is_nkey: bool = False
    permissions: "Permissions | None" = None
    connection_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Login:
    """The one user with a password, or the token, of an ``authorization`` block without ``users``."""

    account: "Account"
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    permissions: "Permissions | None" = None

    @property
    def wanted(self) -> bool:
        return bool(self.user or self.password or self.token)


@dataclass(frozen=True, slots=True)
class StaticRules:
    """``websocket`` and ``websocket_no_auth_user`` go before the others for WebSocket clients, where given.

    ``certificate_maps``: the names of a verified certificate say who the client is (``verify_and_map``).
    """

    users: tuple[StaticUser, ...] = ()
    login: Login | None = None
    no_auth_user: str = ""
    certificate_maps: bool = False
    websocket: Login | None = None
    websocket_no_auth_user: str = ""


class StaticAuthenticator:
    """Implements ``auth.Authenticator``. Rules are replaced as a whole by a reload."""

    def __init__(self, rules: StaticRules, anonymous: "Account") -> None:
        """``anonymous`` is everybody's account where no credentials are wanted."""
        self.rules = rules
        self._anonymous = anonymous
        self._users = {user.name: user for user in rules.users}
        self._passwords = Passwords()
        self.nonce_required = any(user.is_nkey for user in rules.users)
        self.auth_required = bool(rules.users or (rules.login and rules.login.wanted))

    def inherit(self, before: object) -> None:
        """What the authenticator before this one found right still is."""
        if isinstance(before, StaticAuthenticator):
            self._passwords = before._passwords

    @property
    def announces_auth(self) -> bool:
        """Whether INFO says auth_required: not where clients without credentials become a user."""
        return self.auth_required and not self.rules.no_auth_user

    def authenticate(
        self, options: "ConnectOptions", peer: Peer, now_s: float
    ) -> Answer | Checking:
        websocket = self.rules.websocket
        if peer.connection_type == "WEBSOCKET" and websocket is not None and websocket.wanted:
            return self._login(options, websocket)
        if not self.auth_required:
            return _grant(self._anonymous, "", None)
        if self._users:
            return self._one_of_users(options, peer)
        assert self.rules.login is not None  # auth_required says so
        return self._login(options, self.rules.login)

    def recheck(self, options: "ConnectOptions", peer: Peer) -> Answer | Checking:
        """For a client that is in already, after the rules changed: an nkey's signature was checked when it came."""
        user = self._users.get(options.nkey) if options.nkey else None
        if user is not None and user.is_nkey:
            return _admit(user, peer)
        return self.authenticate(options, peer, 0.0)

    # Users ------------------------------------------------------------------------------------------

    def _one_of_users(self, options: "ConnectOptions", peer: Peer) -> Answer | Checking:
        if options.nkey:
            return self._by_nkey(options, peer)
        if self.rules.certificate_maps:
            return self._by_certificate(peer)
        if not (options.user or options.password or options.auth_token):
            return self._without_credentials(peer)
        user = self._users.get(options.user)
        if user is None or user.is_nkey:
            return Refusal("unknown user", user=options.user)
        return self._passwords.check(
            user.password,
            options.password,
            lambda right: (
                _admit(user, peer) if right else Refusal("wrong password", user=options.user)
            ),
        )

    def _by_nkey(self, options: "ConnectOptions", peer: Peer) -> Grant | Refusal:
        user = self._users.get(options.nkey)
        if user is None or not user.is_nkey:
            return Refusal("unknown nkey", user=options.nkey)
        if not signed(options.nkey, peer.nonce, options.sig):
            return Refusal("the nonce's signature doesn't verify", user=options.nkey)
        return _admit(user, peer)

    def _by_certificate(self, peer: Peer) -> Grant | Refusal:
        for name in peer.certificate_names:
            user = self._users.get(name)
            if user is not None and not user.is_nkey:
                return _admit(user, peer)
        return Refusal("no user has a name of the client's certificate")

    def _without_credentials(self, peer: Peer) -> Grant | Refusal:
        name = self.rules.no_auth_user
        if peer.connection_type == "WEBSOCKET":
            name = self.rules.websocket_no_auth_user or name
        user = self._users.get(name)
        if user is None:
            return Refusal("no credentials")
        return _admit(user, peer)

    # One login --------------------------------------------------------------------------------------

    def _login(self, options: "ConnectOptions", login: Login) -> Answer | Checking:
        if login.token:
            problem = Refusal("wrong token" if options.auth_token else "no token")
            user, configured, given = TOKEN_USER, login.token, options.auth_token
        else:
            problem = Refusal("wrong user or password", user=options.user)
            user, configured, given = login.user, login.password, options.password
            if not hmac.compare_digest(login.user.encode(), options.user.encode()):
                return problem
        grant = _grant(login.account, user, login.permissions)
        return self._passwords.check(configured, given, lambda right: grant if right else problem)


def _admit(user: StaticUser, peer: Peer) -> Grant | Refusal:
    types = user.connection_types
    if types and peer.connection_type not in types:
        return Refusal(
            f"connections of type {peer.connection_type} are not allowed", user=user.name
        )
    return _grant(user.account, user.name, user.permissions)


def _grant(account: "Account", user: str, permissions: "Permissions | None") -> Grant:
    limits = account.limits
    return Grant(account, user, permissions, subs=limits.subs, payload=limits.payload)


def signed(nkey: str, nonce: bytes, signature: str) -> bool:
    """Whether ``signature`` (base64, URL or standard alphabet, padded or not) is the nkey's over the nonce's text."""
    from broker.identity import nkeys

    if not nonce or not signature:
        return False
    text = signature.translate(str.maketrans("+/", "-_")).rstrip("=")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return False
    return nkeys.verify(nkey, nonce, raw)
