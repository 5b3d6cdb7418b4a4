"""``Config`` → the core's own forms: options, accounts, permissions, users."""

from typing import TYPE_CHECKING

from broker.config.options import (
    TLS_TIMEOUT_S,
    AccountConfig,
    AccountJetStreamConfig,
    AuthorizationConfig,
    Config,
    MappingConfig,
    PermissionsConfig,
    TlsConfig,
    UserConfig,
    WebsocketConfig,
)
from broker.core.account import GLOBAL_ACCOUNT, SYSTEM_ACCOUNT, Account, JetStreamTerms
from broker.core.options import ServerOptions
from broker.core.passwords import bcrypted
from broker.core.permissions import Permissions, ResponsePermission
from broker.core.server import Server
from broker.core.static_auth import Login, StaticAuthenticator, StaticRules, StaticUser

if TYPE_CHECKING:
    from broker.net.tls import TlsRules
    from broker.protocol.mapping import Destination


def server_options(config: Config) -> ServerOptions:
    tls = config.tls
    return ServerOptions(
        server_name=config.server_name,
        host=config.host,
        port=config.port,
        client_advertise=config.client_advertise,
        max_control_line=config.max_control_line,
        max_payload=config.max_payload,
        max_pending=config.max_pending,
        max_connections=config.max_connections,
        max_subscriptions=max(config.max_subscriptions, 0),
        max_subscription_tokens=config.max_subscription_tokens,
        ping_interval_s=config.ping_interval,
        ping_max=config.ping_max,
        auth_timeout_s=config.auth_timeout(),
        write_deadline_s=config.write_deadline,
        max_closed_clients=config.max_closed_clients,
        max_traced_msg_len=config.max_traced_msg_len,
        trace_headers=config.trace_headers,
        no_header_support=config.no_header_support,
        no_fast_producer_stall=config.no_fast_producer_stall,
        lame_duck_duration_s=config.lame_duck_duration,
        lame_duck_grace_period_s=config.lame_duck_grace_period,
        tls_required=tls is not None and not config.allow_non_tls,
        tls_verify=tls is not None and tls.verify,
        tls_available=tls is not None and config.allow_non_tls,
        no_auth_user=config.no_auth_user,
        jetstream=config.jetstream.enabled,
    )


def tls_rules(config: TlsConfig, *, optional: bool = False) -> "TlsRules":
    """``optional``: clients may go on without."""
    from broker.net.tls import TlsRules

    return TlsRules(
        certs=config.certs,
        ca_file=config.ca_file,
        verify=config.verify,
        min_version=config.min_version,
        handshake_first=config.handshake_first,
        optional=optional,
        timeout_s=config.timeout or TLS_TIMEOUT_S,
    )


def cookies(config: WebsocketConfig) -> tuple[tuple[str, str], ...]:
    """Name of a WebSocket cookie → the field of CONNECT that it stands for."""
    fields = {
        config.jwt_cookie: "jwt",
        config.user_cookie: "user",
        config.pass_cookie: "password",
        config.token_cookie: "auth_token",
    }
    return tuple((name, field) for name, field in fields.items() if name)


def operator_mode(config: Config) -> bool:
    return bool(config.operator or config.trusted_keys)


# Accounts --------------------------------------------------------------------------------------------


def add_accounts(server: Server, config: Config) -> None:
    """The accounts of the configuration with their limits, and the system account."""
    for account in config.accounts:
        own = server.add_account(account.name, is_system=account.name == config.system_account)
        _limit(own, account)
        own.set_mappings(_mappings(account.mappings))
        own.set_trace(account.trace_destination.encode(), account.trace_sampling)
    _exchange(server, config)
    server.global_account.set_mappings(_mappings(config.mappings))
    if not config.no_system_account and server.system_account is None:
        server.add_account(config.system_account or SYSTEM_ACCOUNT, is_system=True)
    if all(
        account.is_system
        for account in server.accounts.values()
        if account is not server.global_account
    ):
        server.global_account.jetstream = {"": JetStreamTerms()}
    for own in tuple(server.accounts.values()):
        server.account_changed(own)


def _limit(account: Account, config: AccountConfig) -> None:
    limits = account.limits
    limits.conn = config.limits.max_connections
    limits.subs = config.limits.max_subscriptions
    limits.payload = config.limits.max_payload
    limits.leaf = config.limits.max_leafnodes
    account.jetstream = _jetstream_terms(config.jetstream)


def _exchange(server: Server, config: Config) -> None:
    """What the accounts export and import; all exports first, so that no import is refused for a moment."""
    if not any(a.exports or a.imports for a in config.accounts) and not server.exchange.in_use:
        return
    from broker.config.exchange import exports_of, imports_of

    accounts = [(server.accounts[config.name], config) for config in config.accounts]
    for account, configured in accounts:
        server.exchange.set(account, exports_of(configured), account.imports.terms)
    for account, configured in accounts:
        server.exchange.set(account, exports_of(configured), imports_of(configured))


def _mappings(configured: dict[str, list[MappingConfig]]) -> dict[bytes, list["Destination"]]:
    if not configured:
        return {}
    from broker.config.accounts import destinations

    return {source.encode(): destinations(to) for source, to in configured.items()}


def _jetstream_terms(config: AccountJetStreamConfig | None) -> dict[str, JetStreamTerms] | None:
    if config is None:
        return None
    terms = JetStreamTerms(
        config.max_memory, config.max_store, config.max_streams, config.max_consumers, config.max_ack_pending,
        config.memory_max_stream_bytes, config.store_max_stream_bytes, config.max_bytes_required,
        config.sync_interval,
    )  # fmt: skip
    return {"": terms}


# Users -----------------------------------------------------------------------------------------------


def permissions(config: PermissionsConfig | None) -> Permissions | None:
    if config is None:
        return None
    responses = config.allow_responses
    return Permissions(
        _filters(config.publish.allow),
        _filters(config.publish.deny) or (),
        _filters(config.subscribe.allow),
        _filters(config.subscribe.deny) or (),
        ResponsePermission(*responses) if responses is not None else None,
    )


def _filters(subjects: tuple[str, ...] | None) -> tuple[bytes, ...] | None:
    return None if subjects is None else tuple(subject.encode() for subject in subjects)


class _Shared:
    """One ``Permissions`` for all users whose configuration is the same, so that they share its caches."""

    def __init__(self) -> None:
        self._made: dict[str, Permissions | None] = {}

    def of(self, config: PermissionsConfig | None) -> Permissions | None:
        key = repr(config)
        if key not in self._made:
            self._made[key] = permissions(config)
        return self._made[key]


def _user(server: Server, config: UserConfig, shared: _Shared) -> StaticUser:
    return StaticUser(
        config.nkey or config.user,
        server.accounts[config.account or GLOBAL_ACCOUNT],
        config.password,
        bool(config.nkey),
        shared.of(config.permissions),
        config.allowed_connection_types,
    )


def _login(server: Server, config: AuthorizationConfig) -> Login:
    login = Login(server.global_account, config.user, config.password, config.token)
    if config.default_permissions is not None:
        return Login(
            login.account,
            login.user,
            login.password,
            login.token,
            permissions(config.default_permissions),
        )
    return login


def authenticator(server: Server, config: Config) -> StaticAuthenticator:
    """Users, token or nobody, as the configuration has it; the accounts must be there."""
    shared = _Shared()
    websocket = config.websocket
    rules = StaticRules(
        users=tuple(_user(server, user, shared) for user in config.users()),
        login=_login(server, config.authorization),
        no_auth_user=config.no_auth_user,
        certificate_maps=config.tls is not None and config.tls.verify_and_map,
        websocket=_login(server, websocket.authorization)
        if websocket.authorization.defined
        else None,
        websocket_no_auth_user=websocket.no_auth_user,
    )
    return StaticAuthenticator(rules, server.global_account)


def has_plain_passwords(config: Config) -> bool:
    """Whether a password stands in the configuration as it is; a user without one who comes by certificate has none."""
    by_certificate = config.tls is not None and config.tls.verify_and_map
    return bool(
        config.authorization.password and not bcrypted(config.authorization.password)
    ) or any(
        user.user and not bcrypted(user.password) and not (by_certificate and not user.password)
        for user in config.users()
    )
