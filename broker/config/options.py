"""Everything a server can be set to, with nats-server's names and defaults. Data only.

Times are seconds as float, sizes bytes, -1 = unlimited where nats-server says so. ``Config`` is what one file and one
command line come to; ``load`` makes it, the composition root hands its parts to the layers below.
"""

from dataclasses import dataclass, field

DEFAULT_PORT = 4222
DEFAULT_HOST = "0.0.0.0"  # noqa: S104 — nats-server's own default, changed by ``host``
AUTH_TIMEOUT_S = 2.0
TLS_TIMEOUT_S = 2.0


@dataclass(slots=True)
class TlsConfig:
    """A ``tls`` block; ``certs`` are pairs of certificate and key files, ``timeout`` 0 = the default."""

    #: Where the block stands, ``file:line:col``; "" for flags.
    place: str = field(default="", compare=False)

    certs: tuple[tuple[str, str], ...] = ()
    ca_file: str = ""
    verify: bool = False
    verify_and_map: bool = False
    timeout: float = 0.0
    handshake_first: bool = False
    #: With ``handshake_first``: INFO is sent after so many seconds without (``auto``, or a duration); 0 = never.
    hello_wait: float = 0.0
    min_version: str = ""


@dataclass(slots=True)
class SubjectConfig:
    """``allow`` None = everything, () = nothing."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


@dataclass(slots=True)
class PermissionsConfig:
    """``allow_responses`` = (messages, seconds), each negative = unlimited; None = not given."""

    publish: SubjectConfig = field(default_factory=SubjectConfig)
    subscribe: SubjectConfig = field(default_factory=SubjectConfig)
    allow_responses: tuple[int, float] | None = None


@dataclass(slots=True)
class UserConfig:
    """A user by name and password, or by ``nkey``; ``account`` "" = the global account."""

    user: str = ""
    password: str = field(default="", repr=False)
    nkey: str = ""
    permissions: PermissionsConfig | None = None
    allowed_connection_types: frozenset[str] = frozenset()
    account: str = ""


@dataclass(slots=True)
class AuthorizationConfig:
    """``authorization``, and the simpler block of the same name inside ``websocket``."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    timeout: float = 0.0
    users: list[UserConfig] = field(default_factory=list)
    default_permissions: PermissionsConfig | None = None
    defined: bool = False


@dataclass(slots=True)
class ExportConfig:
    """``accounts`` None = public. ``latency`` = (sampling percent or 0 for headers, subject)."""

    kind: str = ""
    subject: str = ""
    accounts: tuple[str, ...] | None = None
    response_type: str = "Singleton"
    response_threshold: float = 0.0
    account_token_position: int = 0
    allow_trace: bool = False
    latency: tuple[int, str] | None = None


@dataclass(slots=True)
class ImportConfig:
    """``to`` is the local subject, ``prefix`` its older form for streams; "" = the exported subject itself."""

    kind: str = ""
    account: str = ""
    subject: str = ""
    to: str = ""
    prefix: str = ""
    share: bool = False
    allow_trace: bool = False


@dataclass(slots=True)
class MappingConfig:
    """One weighted destination of a subject mapping; ``weight`` in percent."""

    destination: str = ""
    weight: int = 100
    cluster: str = ""


@dataclass(slots=True)
class AccountLimitsConfig:
    """Limits of one account; -1 = none."""

    max_connections: int = -1
    max_subscriptions: int = -1
    max_payload: int = -1
    max_leafnodes: int = -1


@dataclass(slots=True)
class AccountJetStreamConfig:
    """An account's ``jetstream``; -1 = unlimited, 0 for the two stream sizes = unlimited too.

    ``sync_interval`` is ours: seconds, 0 = always, None = as the server has it.
    """

    max_memory: int = -1
    max_store: int = -1
    max_streams: int = -1
    max_consumers: int = -1
    max_ack_pending: int = -1
    max_bytes_required: bool = False
    memory_max_stream_bytes: int = 0
    store_max_stream_bytes: int = 0
    sync_interval: float | None = None


@dataclass(slots=True)
class AccountConfig:
    """One account of ``accounts {}``."""

    name: str
    nkey: str = ""
    users: list[UserConfig] = field(default_factory=list)
    exports: list[ExportConfig] = field(default_factory=list)
    imports: list[ImportConfig] = field(default_factory=list)
    mappings: dict[str, list[MappingConfig]] = field(default_factory=dict)
    limits: AccountLimitsConfig = field(default_factory=AccountLimitsConfig)
    default_permissions: PermissionsConfig | None = None
    #: None = JetStream is off for this account.
    jetstream: AccountJetStreamConfig | None = None
    trace_destination: str = ""
    trace_sampling: int = 0


@dataclass(slots=True)
class WebsocketConfig:
    """``websocket``; ``port`` 0 = no listener, -1 = any free port."""

    host: str = DEFAULT_HOST
    port: int = 0
    advertise: str = ""
    no_tls: bool = False
    tls: TlsConfig | None = None
    same_origin: bool = False
    allowed_origins: tuple[str, ...] = ()
    compression: bool = False
    handshake_timeout: float = 2.0
    authorization: AuthorizationConfig = field(default_factory=AuthorizationConfig)
    jwt_cookie: str = ""
    user_cookie: str = ""
    pass_cookie: str = ""
    token_cookie: str = ""
    no_auth_user: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    ping_interval: float = 0.0


@dataclass(slots=True)
class JetStreamConfig:
    """``jetstream``; sizes -1 = decided from the machine."""

    enabled: bool = False
    store_dir: str = ""
    max_memory_store: int = -1
    max_file_store: int = -1
    domain: str = ""
    sync_interval: float = 0.0
    strict: bool = True
    encryption_key: str = field(default="", repr=False)
    max_ack_pending: int = 0
    max_request_batch: int = 0
    default_max_consumers: int = 0
    duplicate_window: float = 0.0
    max_buffered_size: int = 0
    max_buffered_msgs: int = 0
    request_queue_limit: int = 0


@dataclass(slots=True)
class ResolverConfig:
    """``resolver``: where account JWTs come from. ``type`` is "memory", "full" or "cache"."""

    type: str = "memory"
    dir: str = ""
    allow_delete: bool = False
    hard_delete: bool = False
    limit: int = 0
    interval: float = 0.0
    ttl: float = 0.0
    timeout: float = 0.0


@dataclass(slots=True)
class CoordinationConfig:
    """``coordination``: the Redis that this server shares with a console; ``url`` "" = none."""

    url: str = field(default="", repr=False)


@dataclass(slots=True)
class PeerConfig:
    """A listener for other servers that was asked for: ``kind`` cluster, leafnodes, gateway or mqtt.

    This server stands alone: it listens where launchers expect it, and turns every peer away.
    """

    kind: str
    name: str = ""
    host: str = DEFAULT_HOST
    #: None = no listener was asked for.
    port: int | None = None
    #: Other servers that this one was told to connect to.
    remotes: int = 0


@dataclass(slots=True)
class Config:
    """One server. The order is that of nats-server's documentation."""

    config_file: str = ""
    config_digest: str = ""
    # Connectivity
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    client_advertise: str = ""
    server_name: str = ""
    server_tags: tuple[str, ...] = ()
    server_metadata: dict[str, str] = field(default_factory=dict)
    feature_flags: dict[str, bool] = field(default_factory=dict)
    tls: TlsConfig | None = None
    allow_non_tls: bool = False
    websocket: WebsocketConfig = field(default_factory=WebsocketConfig)
    peers: dict[str, PeerConfig] = field(default_factory=dict)
    # Limits and timers
    max_connections: int = 65536
    max_control_line: int = 4096
    max_payload: int = 1024 * 1024
    max_pending: int = 64 * 1024 * 1024
    max_subscriptions: int = 0
    max_subscription_tokens: int = 0
    max_traced_msg_len: int = 0
    max_closed_clients: int = 10_000
    ping_interval: float = 120.0
    ping_max: int = 2
    write_deadline: float = 10.0
    write_timeout: str = ""
    no_header_support: bool = False
    no_fast_producer_stall: bool = False
    connect_error_reports: int = 3600
    reconnect_error_reports: int = 1
    lame_duck_duration: float = 120.0
    lame_duck_grace_period: float = 10.0
    # Identity
    authorization: AuthorizationConfig = field(default_factory=AuthorizationConfig)
    accounts: list[AccountConfig] = field(default_factory=list)
    mappings: dict[str, list[MappingConfig]] = field(default_factory=dict)
    no_auth_user: str = ""
    system_account: str = ""
    no_system_account: bool = False
    operator: tuple[str, ...] = ()
    resolver: ResolverConfig | None = None
    resolver_preload: dict[str, str] = field(default_factory=dict)
    resolver_pinned_accounts: tuple[str, ...] = ()
    trusted_keys: tuple[str, ...] = ()
    # JetStream
    jetstream: JetStreamConfig = field(default_factory=JetStreamConfig)
    # Monitoring
    http_host: str = ""
    http_port: int = 0
    https_port: int = 0
    http_base_path: str = ""
    # Logging and files
    debug: bool = False
    trace: bool = False
    trace_verbose: bool = False
    trace_headers: bool = False
    logtime: bool = True
    logtime_utc: bool = False
    log_file: str = ""
    log_size_limit: int = 0
    log_max_num: int = 0
    pid_file: str = ""
    ports_file_dir: str = ""
    # The console
    coordination: CoordinationConfig = field(default_factory=CoordinationConfig)

    def auth_timeout(self) -> float:
        """Seconds for CONNECT: as set, else 2 s, or one second more than a TLS handshake may take."""
        if self.authorization.timeout:
            return self.authorization.timeout
        return (self.tls.timeout or TLS_TIMEOUT_S) + 1.0 if self.tls else AUTH_TIMEOUT_S

    def users(self) -> list[UserConfig]:
        """Those of ``authorization`` and of every account."""
        return [*self.authorization.users, *(u for a in self.accounts for u in a.users)]
