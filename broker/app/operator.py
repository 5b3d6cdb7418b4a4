"""Operator mode: trusted operators, the accounts' tokens, and the authenticator that goes by them."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

from broker.config.options import Config
from broker.coordination.claims_store import ClaimsStore, MemoryClaims
from broker.core.account_claims import OperatorAccounts
from broker.core.operator_auth import OperatorAuthenticator
from broker.core.server import Server
from broker.identity.jwt import JwtError
from broker.identity.trust import Trust, bare_token

log = logging.getLogger("broker")


@dataclass(frozen=True, slots=True)
class Operation:
    """What operator mode consists of; coordination keeps it up to date."""

    trust: Trust
    claims: ClaimsStore | MemoryClaims
    accounts: OperatorAccounts
    #: The operators' tokens, for monitoring.
    tokens: tuple[str, ...] = ()
    #: Held by whoever changes claims, from judging them to letting them hold.
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class OperatorError(Exception):
    """Operator mode can't begin; the sentence names the option."""


def trust_of(config: Config) -> Trust:
    """Raises OperatorError."""
    try:
        texts = [_text(entry) for entry in config.operator]
        return Trust.from_texts(texts) if texts else Trust(keys=config.trusted_keys)
    except JwtError as error:
        raise OperatorError(f"error parsing operator JWT: {error}") from error


def _text(entry: str) -> str:
    """An operator's token as it stands in the configuration, or the contents of the file that is named."""
    if entry.startswith("ey"):
        return entry
    try:
        return Path(entry).read_text()
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise OperatorError(f"error parsing operator JWT: open {entry}: {reason}") from error


def claims_of(config: Config) -> ClaimsStore | MemoryClaims:
    """The resolver. Raises OperatorError."""
    resolver = config.resolver
    assert resolver is not None  # ``load`` refuses operator mode without one
    if resolver.type == "memory":
        return MemoryClaims(config.resolver_preload)
    try:
        return ClaimsStore(
            Path(resolver.dir),
            preload=config.resolver_preload,
            hard_delete=resolver.hard_delete,
        )
    except OSError as error:
        raise OperatorError(f"resolver dir {resolver.dir}: {error.strerror}") from error


def install(server: Server, config: Config) -> Operation:
    """The server trusts this operator from now on. Raises OperatorError."""
    trust, claims = trust_of(config), claims_of(config)
    accounts = OperatorAccounts(server, trust, claims, config.system_account)
    if not config.no_system_account and accounts.system_account:
        server.add_account(accounts.system_account, is_system=True)
    server.authenticator = OperatorAuthenticator(
        accounts, frozenset(config.resolver_pinned_accounts)
    )
    tokens = tuple(bare_token(_text(entry)) for entry in config.operator)
    return Operation(trust, claims, accounts, tokens)


def renew_preload(operation: Operation, server: Server, preload: dict[str, str]) -> None:
    """After ``resolver_preload`` was read anew. In memory it is all there is: accounts that it lacks are gone."""
    claims, accounts, now_s = operation.claims, operation.accounts, server.clock.wall_s()
    if isinstance(claims, MemoryClaims):
        for name in claims.accounts():
            if name not in preload:
                log.info('Reloaded: deleting account [removed]: "%s"', name)
                claims.remove((name,))
                accounts.delete(name)
    for name, token in preload.items():
        try:
            judged = accounts.judge(token, name, now_s, same_second=True)
            if judged.changes:
                claims.put({name: token})
                accounts.apply(judged, now_s)
        except (JwtError, OSError) as error:
            log.error("Preloaded account [%s] not valid: %s", name, error)
