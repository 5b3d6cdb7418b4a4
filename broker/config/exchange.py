"""Exports and imports of a configuration: as the accounts take them, and whether they fit together."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

from broker.config.options import AccountConfig, ExportConfig, ImportConfig
from broker.core.account import Account
from broker.core.exchange import Exchange
from broker.core.exports import THRESHOLD_S, Export, Kind, ResponseType
from broker.core.imports import ImportTerms
from broker.core.timers import Timer
from broker.protocol.subject import has_wildcards


def exports_of(config: AccountConfig) -> list[Export]:
    return [_export(export) for export in config.exports]


def imports_of(config: AccountConfig) -> list[ImportTerms]:
    """Streams first, as nats-server adds them."""
    return [_import(entry) for entry in sorted(config.imports, key=lambda i: i.kind, reverse=True)]


def problems(configured: Iterable[AccountConfig], system_account: str) -> Iterator[str]:
    """Why imports of these accounts can't hold, in nats-server's words; found by letting them try."""
    accounts: dict[str, Account] = {}
    exchange = Exchange(accounts.get, _zero, _zero, lambda _, callback: Timer(callback))
    configs = list(configured)
    for name in ("$G", system_account, *(config.name for config in configs)):
        accounts.setdefault(name, Account(name, _zero, exchange))
    for config in configs:
        if bad := next(_bad_exports(config), ""):
            yield bad
        exchange.set(accounts[config.name], exports_of(config), ())
    for config in configs:
        account = accounts[config.name]
        if bad := next(_bad_prefixes(config), ""):
            yield bad
            continue
        exchange.set(account, exports_of(config), imports_of(config))
        for terms, problem in account.imports.problems.items():
            yield f'Error adding {terms.kind} import "{terms.subject.decode()}": {problem}'


def _export(config: ExportConfig) -> Export:
    return Export(
        cast(Kind, config.kind),
        config.subject.encode(),
        frozenset(config.accounts) if config.accounts else None,
        token_position=config.account_token_position,
        response_type=cast(ResponseType, config.response_type),
        threshold_s=config.response_threshold or THRESHOLD_S,
        allow_trace=config.allow_trace,
    )


def _import(config: ImportConfig) -> ImportTerms:
    local = config.to
    if config.prefix:
        local = f"{config.prefix.removesuffix('.')}.{config.subject}"
    terms = ImportTerms(
        cast(Kind, config.kind), config.account, config.subject.encode(), local.encode(), config.share
    )  # fmt: skip
    return replace(terms, allow_trace=config.allow_trace)


def _bad_exports(config: AccountConfig) -> Iterator[str]:
    for export in config.exports:
        tokens, at = export.subject.split("."), export.account_token_position
        if at and not (0 < at <= len(tokens) and tokens[at - 1] == "*"):
            yield f'Error adding {export.kind} export "{export.subject}": sublist: invalid subject'


def _bad_prefixes(config: AccountConfig) -> Iterator[str]:
    for entry in config.imports:
        if has_wildcards(entry.prefix.encode()):
            yield (
                f'Error adding stream import "{entry.subject}": '
                "stream import prefix can not contain wildcard tokens"
            )


def _zero() -> float:
    return 0.0
