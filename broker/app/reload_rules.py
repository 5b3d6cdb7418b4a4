"""What of a configuration a running server takes over, and how the log says so: nats-server's names, order and words.

Source   nats-server ``reload.go`` (diffOptions and the options' Apply), ``opts.go`` (the order of Options)
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from typing import Any

from broker.config.options import TLS_TIMEOUT_S, Config, TlsConfig, WebsocketConfig
from broker.monitor.forms import duration, number

_NS = 1_000_000_000


class ReloadError(Exception):
    """Nothing was changed; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting under nats-server's name. ``said`` is the line for a new value, "" none; None: it can't change."""

    name: str
    value: Callable[[Config], Any]
    said: Callable[[Any], str] | None = None
    #: Whether a value counts as changed without being compared, as it does for nats-server.
    always: Callable[[Any], bool] = lambda _value: False


def changes(old: Config, new: Config) -> list[str]:
    """The line of each setting that changed. Raises ReloadError for the first that can't."""
    lines = []
    for row in ROWS:
        before, now = row.value(old), row.value(new)
        if (before == now and not row.always(now)) or _left_with_its_user(row, before, new):
            continue
        if row.said is None:
            raise ReloadError(_refusal(row.name, before, now))
        lines.append(row.said(now))
    return [line for line in lines if line]


def _left_with_its_user(row: Row, before: str, new: Config) -> bool:
    """A no_auth_user may go, but not away from a user who stays."""
    named = (user.user for user in new.users())
    return row.name == "NoAuthUser" and not new.no_auth_user and before not in named


def keep_decided(old: Config, new: Config) -> None:
    """Ports that were to be any free one stay what they became."""
    for name in ("port", "http_port", "https_port"):
        if getattr(new, name) == -1 and getattr(old, name) > 0:
            setattr(new, name, getattr(old, name))
    if new.websocket.port == -1 and old.websocket.port:
        new.websocket.port = old.websocket.port


def _refusal(name: str, before: object, now: object) -> str:
    if name == "AccountResolver":
        return "config reload does not support moving to or from an account resolver"
    text = f"config reload not supported for {name}"
    if isinstance(before, tuple) or isinstance(now, tuple):  # whole blocks, which may hold secrets
        return text
    return f"{text}: old={shown(before)}, new={shown(now)}"


def shown(value: object) -> str:
    """As Go's ``%v`` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(number(value))
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    return str(value)


# Values ----------------------------------------------------------------------------------------------


def _time(attribute: str) -> Callable[[Config], str]:
    return lambda config: duration(round(getattr(config, attribute) * _NS))


def _own(attribute: str) -> Callable[[Config], Any]:
    return lambda config: getattr(config, attribute)


def _tls(attribute: str, default: Any) -> Callable[[Config], Any]:
    return lambda config: getattr(config.tls, attribute) or default if config.tls else default


def _hello_wait(config: Config) -> str:
    return duration(round(config.tls.hello_wait * _NS)) if config.tls else "0s"


def _nkeys(config: Config) -> list[tuple[str, str, str]]:
    return sorted((u.nkey, u.account, repr(u.permissions)) for u in config.users() if u.nkey)


def _websocket(config: Config) -> tuple[Any, ...]:
    """All of the block that a reload may not touch: not its certificates."""
    own = config.websocket
    if own == WebsocketConfig():
        return ()
    maps = own.tls is not None and own.tls.verify_and_map
    return (maps, *(getattr(own, field.name) for field in fields(own) if field.name != "tls"))


def _peer(kind: str) -> Callable[[Config], tuple[Any, ...]]:
    def value(config: Config) -> tuple[Any, ...]:
        peer = config.peers.get(kind)
        return () if peer is None else (peer.name, peer.host, peer.port, peer.remotes)

    return value


def _jetstream(config: Config) -> tuple[Any, ...]:
    own = config.jetstream
    return tuple(getattr(own, field.name) for field in fields(own))


def _tls_enabled(config: TlsConfig | None) -> str:
    return f"Reloaded: tls = {'enabled' if config is not None else 'disabled'}"


def _first(on: bool) -> str:
    return f"Reloaded: Client TLS handshake first: {shown(on)}"


def _fallback(wait: str) -> str:
    return f"Reloaded: Client TLS handshake first fallback delay: {wait}"


def _stalled(off: bool) -> str:
    return f"Reloaded: fast producers will {'not ' if off else ''}be stalled"


def _always(_value: object) -> bool:
    return True


def _line(name: str) -> Callable[[Any], str]:
    return lambda value: f"Reloaded: {name} = {shown(value)}"


def _named(name: str) -> Callable[[Any], str]:
    return lambda _value: f"Reloaded: {name}"


# The settings ----------------------------------------------------------------------------------------

ROWS: tuple[Row, ...] = (
    Row("ServerName", _own("server_name")),
    Row("Host", _own("host")),
    Row("Port", _own("port")),
    Row("ClientAdvertise", _own("client_advertise"), lambda v: f"Reload: client_advertise = {v}"),
    Row("Trace", _own("trace"), _line("trace")),
    Row("Debug", _own("debug"), _line("debug")),
    Row("TraceVerbose", _own("trace_verbose"), _line("trace_verbose")),
    Row("TraceHeaders", _own("trace_headers"), _line("trace_headers")),
    Row("NoHeaderSupport", _own("no_header_support")),
    Row("Logtime", _own("logtime"), _line("logtime")),
    Row("LogtimeUTC", _own("logtime_utc"), _line("logtime_utc")),
    Row("MaxConn", _own("max_connections"), _line("max_connections")),
    Row("MaxSubs", _own("max_subscriptions")),
    Row("MaxSubTokens", _own("max_subscription_tokens")),
    Row("Nkeys", _nkeys, _named("authorization nkey users")),
    Row("Users", lambda _config: None, _named("authorization users"), _always),
    Row("Accounts", lambda _config: None, _named("accounts"), _always),
    Row("NoAuthUser", _own("no_auth_user")),
    Row("SystemAccount", _own("system_account")),
    Row("NoSystemAccount", _own("no_system_account")),
    Row("Username", lambda c: c.authorization.user, _named("authorization username")),
    Row("Password", lambda c: c.authorization.password, _named("authorization password")),
    Row("Authorization", lambda c: c.authorization.token, _named("authorization token")),
    Row("PingInterval", _time("ping_interval"), _line("ping_interval")),
    Row("MaxPingsOut", _own("ping_max"), _line("ping_max")),
    Row("HTTPHost", lambda c: c.http_host or c.host),
    Row("HTTPPort", _own("http_port")),
    Row("HTTPBasePath", _own("http_base_path")),
    Row("HTTPSPort", _own("https_port")),
    Row("AuthTimeout", lambda c: c.auth_timeout(), _line("authorization timeout")),
    Row("MaxControlLine", _own("max_control_line"), _line("max_control_line")),
    Row("MaxPayload", _own("max_payload"), _line("max_payload")),
    Row("MaxPending", _own("max_pending")),
    Row("NoFastProducerStall", _own("no_fast_producer_stall"), _stalled),
    Row("Cluster", _peer("cluster")),
    Row("Gateway", _peer("gateway")),
    Row("LeafNode", _peer("leafnodes")),
    Row("JetStream", _jetstream),
    Row("Websocket", _websocket),
    Row("MQTT", _peer("mqtt")),
    Row("PidFile", _own("pid_file"), lambda v: f"Reloaded: pid_file = {v}" if v else ""),
    Row("PortsFileDir", _own("ports_file_dir"), _line("ports_file_dir")),
    Row("LogFile", _own("log_file"), _line("log_file")),
    Row("LogSizeLimit", _own("log_size_limit")),
    Row("LogMaxFiles", _own("log_max_num")),
    Row("TLSTimeout", _tls("timeout", TLS_TIMEOUT_S), _line("tls timeout")),
    Row("TLSMap", _tls("verify_and_map", False)),
    Row("TLSConfig", _own("tls"), _tls_enabled, lambda v: v is not None),
    Row("TLSHandshakeFirst", _tls("handshake_first", False), _first),
    Row("TLSHandshakeFirstFallback", _hello_wait, _fallback),
    Row("AllowNonTLS", _own("allow_non_tls")),
    Row("WriteDeadline", _time("write_deadline"), _line("write_deadline")),
    Row("WriteTimeout", _own("write_timeout")),
    Row("MaxClosedClients", _own("max_closed_clients")),
    Row("LameDuckDuration", _time("lame_duck_duration")),
    Row("LameDuckGracePeriod", _time("lame_duck_grace_period")),
    Row("MaxTracedMsgLen", _own("max_traced_msg_len"), _line("max_traced_msg_len")),
    Row("TrustedKeys", _own("trusted_keys")),
    Row("TrustedOperators", _own("operator")),
    Row("ConnectErrorReports", _own("connect_error_reports"), _line("connect_error_reports")),
    Row("ReconnectErrorReports", _own("reconnect_error_reports"), _line("reconnect_error_reports")),
    Row("Tags", _own("server_tags"), _named("tags")),
    Row("Metadata", _own("server_metadata"), _named("metadata")),
    Row("FeatureFlags", _own("feature_flags")),
    Row("AccountResolver", lambda c: c.resolver is not None),
    Row("resolver", lambda c: astuple(c.resolver) if c.resolver else ()),
    Row("coordination", lambda c: (c.coordination.url,)),
)
