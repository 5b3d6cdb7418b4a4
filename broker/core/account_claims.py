"""Accounts by their tokens: found when somebody needs them, changed live when newer claims come.

Who trusts whom is ``Trust``'s; where tokens are kept is a ``ClaimsSource``'s. Here they become accounts of the server.
Effects of new claims on connected clients, as nats-server has them (``updateAccountClaimsWithRefresh``):

    over ``conn``                            newest closed, maximum account active connections exceeded
    bearer user, bearers now disallowed      closed, Authorization Violation
    revoked user                             closed, User Authentication Revoked
    issuer no longer a signing key, or its scope changed    closed without a word
    account deleted or expired               closed, Account Authentication Expired
    limits                                   hold from now on
"""

import logging
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from broker.core.account import Account, JetStreamTerms
from broker.core.auth import Grant, UserTerms
from broker.core.claimed_exchange import exports_of, imports_of, signers_of
from broker.core.client import Client
from broker.core.options import NO_LIMIT
from broker.core.permissions import Permissions, ResponsePermission
from broker.core.server import Server
from broker.identity import claims as wire
from broker.identity.claims import AccountClaims, Tombstone
from broker.identity.jwt import JwtError
from broker.identity.trust import Trust
from broker.protocol import errors
from broker.protocol.errors import Reason
from broker.protocol.mapping import Destination, problem_of

log = logging.getLogger(__name__)

Status = Literal["applied", "unchanged", "deleted", "stale"]
_NS: Final = 1e9


class ClaimsSource(Protocol):
    """Where account tokens are kept: on disk or in memory. Nothing read from it is trusted."""

    def get(self, account: str) -> str | None: ...


@dataclass(slots=True)
class Held:
    """An account in use. ``strict``: only signing keys may sign its users."""

    account: Account
    token: str
    claims: AccountClaims
    strict: bool
    default_permissions: Permissions | None

    @property
    def expires_at(self) -> float | None:
        return self.claims.expires_at or None


@dataclass(frozen=True, slots=True)
class Judged:
    """A token that is trusted, and what follows from it for what the server has."""

    status: Status
    token: str
    entry: AccountClaims | Tombstone

    @property
    def changes(self) -> bool:
        return self.status in ("applied", "deleted")


class OperatorAccounts:
    """The accounts of one server in operator mode."""

    def __init__(
        self, server: Server, trust: Trust, source: ClaimsSource, system_account: str = ""
    ) -> None:
        self._server = server
        self._source = source
        self._held: dict[str, Held] = {}
        self.trust = trust
        self.system_account = system_account or trust.system_account
        server.exchange.find = lambda name: self.account(name, server.clock.wall_s())

    def find(self, name: str, now_s: float) -> Held | None:
        """The account under this public key; None when there is none that can be trusted."""
        held = self._held.get(name)
        if held is not None:
            return held
        token = self._source.get(name)
        entry = self._read_kept(name, token)
        if token is None or not isinstance(entry, AccountClaims) or _out_of_time(entry, now_s):
            return None
        return self._hold(token, entry)

    def is_deleted(self, name: str) -> bool:
        """Whether the operator has said that it is, rather than that nothing is known of it."""
        return isinstance(self._read_kept(name, self._kept(name)), Tombstone)

    def account(self, name: str, now_s: float) -> Account | None:
        held = self.find(name, now_s)
        return held.account if held is not None else None

    # New claims -------------------------------------------------------------------------------------

    def judge(self, token: str, name: str, now_s: float, *, same_second: bool = False) -> Judged:
        """What ``token``, given under the account key ``name``, would change. Raises JwtError when it isn't trusted.

        Older claims than those kept, or others of the same second, are "stale": nothing goes back. With
        ``same_second`` those are taken: who sends them says in which order they hold.
        """
        kept_token = self._kept(name)
        entry = self.trust.read(token)
        if entry.subject != name:
            raise JwtError("sub: not the account that the token is stored under")
        if problem := _out_of_time(entry, now_s):
            raise JwtError(problem)
        if token == kept_token:
            return Judged("unchanged", token, entry)
        deleted = isinstance(entry, Tombstone)
        kept = self._read_kept(name, kept_token)
        if kept is not None:
            newer = entry.issued_at - kept.issued_at
            if newer < 0 or (newer == 0 and not deleted and not same_second):
                return Judged("stale", token, entry)
        return Judged("deleted" if deleted else "applied", token, entry)

    def apply(self, judged: Judged, now_s: float) -> int:
        """Lets ``judged`` hold; how many connections were closed for it. The source must have its token already."""
        name = judged.entry.subject
        held = self._held.get(name)
        if isinstance(judged.entry, Tombstone):
            return self._delete(name)
        if held is None:  # read from the source when somebody needs it
            self._server.exchange.look_again(name)
            return 0
        before = held.claims
        self._fill(held, judged.token, judged.entry)
        closed = self._server.enforce_connection_limit(held.account)
        for client in held.account.client_list():
            closed += self._review(held, before, client)
        return closed

    def _kept(self, name: str) -> str | None:
        held = self._held.get(name)
        return held.token if held is not None else self._source.get(name)

    def _read_kept(self, name: str, token: str | None) -> AccountClaims | Tombstone | None:
        """None also for what is kept but can't be trusted: it is as good as absent."""
        if token is None:
            return None
        try:
            entry = self.trust.read(token)
        except JwtError as error:
            log.warning("Account %.56s: the token kept for it is refused: %s", name, error)
            return None
        return entry if entry.subject == name else None

    # Accounts ---------------------------------------------------------------------------------------

    def _hold(self, token: str, claims: AccountClaims) -> Held:
        name = claims.subject
        account = self._server.add_account(name, is_system=name == self.system_account)
        held = self._held[name] = Held(account, token, claims, False, None)
        self._fill(held, token, claims)
        return held

    def _fill(self, held: Held, token: str, claims: AccountClaims) -> None:
        held.token, held.claims = token, claims
        held.strict = self.trust.strict(claims.issuer)
        held.default_permissions = permissions(claims.body.default_permissions)
        account, limits = held.account, claims.body.limits
        account.display_name = claims.name
        account.limits.subs, account.limits.payload = limits.subs, limits.payload
        account.limits.conn, account.limits.leaf = limits.conn, limits.leaf
        account.set_mappings(_mappings(claims))
        trace = claims.body.trace
        account.set_trace(trace.dest.encode() if trace else b"", trace.sampling if trace else 0)
        account.jetstream = _jetstream_terms(limits)
        self._server.exchange.set(
            account,
            exports_of(claims),
            imports_of(claims),
            signers_of(claims, strict=held.strict),
        )
        for terms, problem in account.imports.problems.items():
            log.info("Account %.56s: import of %s %s from %.56s: %s", account.name, terms.kind,
                     terms.subject.decode(), terms.account, problem)  # fmt: skip
        for export in claims.body.exports:
            if export.unknown.get("service_latency"):
                log.warning("Account %.56s: latency of service %s is not measured by this server",
                            account.name, export.subject)  # fmt: skip
        self._server.account_changed(account)

    def delete(self, name: str) -> int:
        """The account is gone from the source; how many connections were closed."""
        return self._delete(name)

    def _delete(self, name: str) -> int:
        self._held.pop(name, None)
        account = self._server.accounts.get(name)
        if account is None:
            self._server.account_gone(name, deleted=True)
            return 0
        closed = 0
        for client in account.client_list():
            closed += _close(client, Reason.AUTHENTICATION_EXPIRED, errors.ACCOUNT_EXPIRED)
        self._server.remove_account(name, deleted=True)
        return closed

    def _review(self, held: Held, before: AccountClaims, client: Client) -> int:
        """What new claims mean for one connection; 1 when it had to go."""
        grant = client.grant
        if grant is None or client.closed:
            return 0
        body = held.claims.body
        if grant.bearer and body.limits.disallow_bearer:
            return _close(client, Reason.AUTHENTICATION_FAILURE, errors.AUTHORIZATION_VIOLATION)
        if body.revoked(grant.user, grant.issued_at):
            return _close(client, Reason.REVOKED, errors.USER_REVOKED)
        if not self._still_signs(held, before, grant.issuer):
            return _close(client, Reason.AUTHENTICATION_FAILURE)
        self._renew(held, before, client, grant)
        return int(client.closed)

    def _still_signs(self, held: Held, before: AccountClaims, issuer: str) -> bool:
        if not held.claims.may_sign_users(issuer, strict=held.strict):
            return False
        return held.claims.body.signing_keys.get(issuer) == before.body.signing_keys.get(issuer)

    def _renew(self, held: Held, before: AccountClaims, client: Client, grant: Grant) -> None:
        own = grant.own or UserTerms()
        join(grant, own, held)
        if (
            grant.by_default
            and held.claims.body.default_permissions != before.body.default_permissions
        ):
            grant.permissions = held.default_permissions
            client.set_permissions(grant.permissions)
            client.drop_forbidden()
        client.set_limits(grant.subs, grant.payload)
        if not self._server.keeps_subscription_limit(client):
            return
        self._server.expire_client_at(client, grant.expires_at)


def _jetstream_terms(limits: wire.AccountLimits) -> dict[str, JetStreamTerms] | None:
    """None when the claims grant neither memory nor storage."""
    tiers = limits.tiered_limits or {"": limits}
    granted = {name: tier for name, tier in tiers.items() if tier.mem_storage or tier.disk_storage}
    if not granted:
        return None
    return {
        name: JetStreamTerms(
            tier.mem_storage, tier.disk_storage, tier.streams, tier.consumer, tier.max_ack_pending or NO_LIMIT,
            max(tier.mem_max_stream_bytes, 0), max(tier.disk_max_stream_bytes, 0), tier.max_bytes_required,
            max(limits.sync_interval, 0) / _NS if limits.sync_interval else None,
        )
        for name, tier in granted.items()
    }  # fmt: skip


def join(grant: Grant, own: UserTerms, held: Held) -> None:
    """Puts the user's and the account's terms together into ``grant``: of each, the narrower one."""
    limits = held.claims.body.limits
    grant.own = own
    grant.subs = _narrower(own.subs, limits.subs)
    grant.payload = _narrower(own.payload, limits.payload)
    account_ends = held.expires_at is not None and held.expires_at < (
        own.expires_at or float("inf")
    )
    grant.expires_at = held.expires_at if account_ends else own.expires_at
    grant.expiry_error = errors.ACCOUNT_EXPIRED if account_ends else errors.USER_EXPIRED


def permissions(lists: wire.Permissions) -> Permissions | None:
    """None = everything is allowed."""
    if lists.is_empty():
        return None
    responses = lists.resp
    return Permissions(
        _filters(lists.pub.allow) or None,
        _filters(lists.pub.deny),
        _filters(lists.sub.allow) or None,
        _filters(lists.sub.deny),
        _response_permission(responses) if responses is not None else None,
    )


def _mappings(claims: AccountClaims) -> dict[bytes, list[Destination]]:
    """Those that can be used; nobody pushes claims again for the sake of one that can't."""
    found = {}
    for source, targets in claims.body.mappings.items():
        made = [Destination(t.subject.encode(), t.weight or 100, t.cluster) for t in targets]
        if problem := problem_of(source.encode(), made):
            log.warning(
                "Account %.56s: mapping of %s not used: %s", claims.subject, source, problem
            )
        else:
            found[source.encode()] = made
    return found


def _response_permission(responses: wire.ResponsePermission) -> ResponsePermission:
    """0 stands for the default of one message within two minutes."""
    made = ResponsePermission()
    if responses.max:
        made = replace(made, max=responses.max)
    return replace(made, ttl_s=responses.ttl / _NS) if responses.ttl else made


def _filters(entries: list[str]) -> tuple[bytes, ...]:
    return tuple(entry.encode() for entry in entries)


def _narrower(one: int, other: int) -> int:
    if one == wire.NO_LIMIT:
        return other
    return one if other == wire.NO_LIMIT else min(one, other)


def _out_of_time(entry: AccountClaims | Tombstone, now_s: float) -> str:
    """Why the claims don't hold now, or ""."""
    if 0 < entry.expires_at <= now_s:
        return "exp: the token has expired"
    return "nbf: the token is not valid yet" if entry.not_before > now_s else ""


def _close(client: Client, reason: str, error: str = "") -> int:
    client.close(reason, error)
    return 1
