"""SIGHUP: what a new configuration changes in a running server. All of it, or nothing."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from broker.app import build, logs
from broker.config.errors import ConfigError
from broker.config.load import load
from broker.config.options import Config
from broker.core.account import GLOBAL_ACCOUNT, SYSTEM_ACCOUNT
from broker.core.auth import Answer, Refusal
from broker.core.client import Client
from broker.core.server import Server
from broker.net.connection import Connection
from broker.protocol import errors
from broker.protocol.errors import Reason

if TYPE_CHECKING:
    from broker.app.service import Service

#: Options that a running server can take over; all others must stay as they are.
RELOADABLE = frozenset(
    (
        "config_digest", "authorization", "accounts", "no_auth_user", "max_connections", "max_control_line",
        "max_payload", "max_pending", "max_subscriptions", "max_subscription_tokens", "ping_interval", "ping_max",
        "write_deadline", "lame_duck_duration", "lame_duck_grace_period", "no_fast_producer_stall", "debug", "trace",
        "trace_verbose", "trace_headers", "max_traced_msg_len", "client_advertise", "connect_error_reports",
        "reconnect_error_reports", "server_tags", "server_metadata", "resolver_preload", "mappings",
    )
)  # fmt: skip
#: Written by the server itself once it listens.
_DECIDED = frozenset(("port", "http_host", "http_port"))


class ReloadError(Exception):
    """Nothing was changed; the sentence says why."""


def reload(service: "Service") -> Iterator[str]:
    """Yields a line for each option that changed. Raises ReloadError before anything is changed."""
    if not service.config.config_file:
        raise ReloadError("can only reload config when a file is provided using -c or --config")
    try:
        fresh = load(service.flags).config
    except ConfigError as error:
        raise ReloadError(str(error)) from error
    changed = list(_changes(service.config, fresh))
    for name in changed:
        if name not in RELOADABLE:
            old, new = getattr(service.config, name), getattr(fresh, name)
            raise ReloadError(f"config reload not supported for {name}: old={old!r}, new={new!r}")
    _read_certificates(service)
    _apply(service, fresh, changed)
    return (name for name in changed if name != "config_digest")


def _changes(old: Config, new: Config) -> Iterator[str]:
    if new.websocket.port == -1:
        new.websocket.port = old.websocket.port
    for field in fields(Config):
        name = field.name
        if name in _DECIDED and getattr(new, name) in (-1, 0, ""):
            setattr(new, name, getattr(old, name))
        if getattr(old, name) != getattr(new, name):
            yield name


def _read_certificates(service: "Service") -> None:
    """The same files may hold newer certificates; connections made from now on see them."""
    if service.contexts:
        from broker.net import tls

        try:
            for context, rules in service.contexts:
                tls.load(context, rules)
        except tls.TlsError as error:
            raise ReloadError(str(error)) from error


def _apply(service: "Service", fresh: Config, changed: list[str]) -> None:
    server = service.server
    port = server.options.port
    options = build.server_options(fresh)
    options.port = port
    server.options = options
    service.config = fresh
    logs.set_level(debug=fresh.debug, trace=fresh.trace)
    for client in server.clients.values():
        if isinstance(client.wire, Connection):
            client.wire.retrace()
    identity = {"authorization", "accounts", "no_auth_user", "mappings"} & set(changed)
    if identity and not build.operator_mode(fresh):
        _replace_users(server, fresh)


def _replace_users(server: Server, config: Config) -> None:
    """Clients that would not be let in any more are closed, the others get their new rights."""
    build.add_accounts(server, config)
    authenticator = build.authenticator(server, config)
    authenticator.inherit(server.authenticator)
    server.authenticator = authenticator
    for client in tuple(server.clients.values()):
        if not client.connected:
            continue
        answer = authenticator.recheck(client.options, client.peer)
        server.resolve(client, answer, partial(_renew, server, client))
    kept = {account.name for account in config.accounts}
    kept |= {GLOBAL_ACCOUNT, SYSTEM_ACCOUNT, config.system_account}
    for name in [name for name in server.accounts if name not in kept]:
        server.remove_account(name, Reason.AUTHENTICATION_FAILURE)


def _renew(server: Server, client: Client, answer: Answer) -> None:
    if isinstance(answer, Refusal):
        server.close_client(client, Reason.AUTHENTICATION_FAILURE, errors.AUTHORIZATION_VIOLATION)
    else:
        server.register(client, answer)
