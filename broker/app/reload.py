"""SIGHUP: what a new configuration changes in a running server. All of it, or nothing."""

import logging
from functools import partial
from typing import TYPE_CHECKING

from broker.app import build, files, logs
from broker.app.listeners import Contexts, StartError, contexts_of
from broker.app.reload_rules import ReloadError, changes, keep_decided
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

log = logging.getLogger("broker")


def reload(service: "Service") -> None:
    """Raises ReloadError before anything is changed."""
    if not service.config.config_file:
        raise ReloadError("can only reload config when a file is provided using -c or --config")
    old = service.config
    try:
        fresh = load(service.flags).config
        keep_decided(old, fresh)
        lines = changes(old, fresh)
        contexts = contexts_of(fresh)
    except (ConfigError, StartError) as error:
        raise ReloadError(str(error)) from error
    service.config = fresh
    for line in lines:
        log.info("%s", line)
    _log_anew(service.server, old, fresh)
    _apply(service.server, old, fresh)
    if service.operation is not None:
        from broker.app import operator

        operator.renew_preload(service.operation, service.server, fresh.resolver_preload)
    _write_files(service, old, fresh)
    _listen_anew(service, old, fresh, contexts)
    service.system.configured(fresh)
    log.info("Reloaded server configuration (%s)", fresh.config_digest)


def _log_anew(server: Server, old: Config, fresh: Config) -> None:
    if logs.settings(old) != logs.settings(fresh):
        try:
            logs.set_up(fresh)
        except OSError as error:
            log.error("error opening file: open %s: %s", fresh.log_file, error.strerror)
    if logs.traced(old) != logs.traced(fresh):
        for client in server.clients.values():
            if isinstance(client.wire, Connection):
                client.wire.retrace()


def _apply(server: Server, old: Config, fresh: Config) -> None:
    options = build.server_options(fresh)
    options.port = server.options.port
    server.options = options
    if not build.operator_mode(fresh):
        _replace_users(server, fresh)
    if old.max_connections != fresh.max_connections and (
        closed := server.keep_within_connections()
    ):
        log.info("Closed %d connections to fall within max_connections", closed)
    if old.max_payload != fresh.max_payload:
        for client in server.clients.values():
            client.renew_limits()


def _write_files(service: "Service", old: Config, fresh: Config) -> None:
    try:
        if fresh.pid_file and fresh.pid_file != old.pid_file:
            files.write_pid(fresh.pid_file)
        if fresh.ports_file_dir != old.ports_file_dir:
            files.remove("", old.ports_file_dir)
            if fresh.ports_file_dir:
                files.write_ports(fresh.ports_file_dir, service.listeners.addresses)
    except files.FileError as error:
        log.error("%s", error)


def _listen_anew(service: "Service", old: Config, fresh: Config, contexts: Contexts) -> None:
    """The same files may hold newer certificates; connections made from now on see them."""
    if old.tls or fresh.tls or fresh.websocket.tls:
        service.listeners.renew(fresh, contexts)
        service.spawn(service.listeners.reopen(), "listeners")


# Users -----------------------------------------------------------------------------------------------


def _replace_users(server: Server, config: Config) -> None:
    """Clients that would not be let in any more are closed, the others get their new rights."""
    build.add_accounts(server, config)
    authenticator = build.authenticator(server, config)
    authenticator.inherit(server.authenticator)
    server.authenticator = authenticator
    names = {user.nkey or user.user for user in config.users()}
    for client in tuple(server.clients.values()):
        if not client.connected:
            continue
        name = client.options.nkey or client.options.user
        if name and names and name not in names:
            server.close_client(client, Reason.CLIENT_CLOSED)
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
    elif answer.account is not client.account:
        server.close_client(client, Reason.CLIENT_CLOSED)  # it comes again, with its subscriptions
    else:
        server.register(client, answer)
