"""What the core lets itself be told: every limit and timer with nats-server's name, unit and default."""

from dataclasses import dataclass

#: No limit, where nats-server's claims and options say -1.
NO_LIMIT = -1


@dataclass(slots=True)
class ServerOptions:
    """Seconds for times, bytes for sizes; 0 means without limit only where it says so."""

    server_name: str = ""
    host: str = "0.0.0.0"  # noqa: S104  # what INFO says, not what is bound
    port: int = 4222
    client_advertise: str = ""
    max_control_line: int = 4096
    max_payload: int = 1024 * 1024
    max_pending: int = 64 * 1024 * 1024
    #: 0 = without limit, -1 = nobody is let in.
    max_connections: int = 64 * 1024
    #: Per connection; 0 or -1 = without limit.
    max_subscriptions: int = 0
    #: 0 = without limit.
    max_subscription_tokens: int = 0
    ping_interval_s: float = 120.0
    ping_max: int = 2
    auth_timeout_s: float = 2.0
    write_deadline_s: float = 10.0
    max_closed_clients: int = 10_000
    #: Printable bytes of a traced payload; 0 = all.
    max_traced_msg_len: int = 0
    #: Of payloads only the headers are traced.
    trace_headers: bool = False
    no_header_support: bool = False
    no_fast_producer_stall: bool = False
    lame_duck_duration_s: float = 120.0
    lame_duck_grace_period_s: float = 10.0
    tls_required: bool = False
    tls_verify: bool = False
    tls_available: bool = False
    jetstream: bool = False
    #: Name of the user whom a client without CONNECT or credentials becomes; the authenticator decides what it may.
    no_auth_user: str = ""
    connect_urls: tuple[str, ...] = ()
    ws_connect_urls: tuple[str, ...] = ()
    #: Matches kept per account; a sweep empties them.
    match_cache_max: int = 16_384
