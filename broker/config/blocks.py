"""The blocks of a configuration file besides accounts and users: TLS, WebSocket, JetStream, resolver, peers.

Each function takes the block's ``Node`` and the report and gives its dataclass. Settings that this server
doesn't have are refused by name when leaving them out would weaken it, and accepted with a warning otherwise.
"""

from broker.config.options import (
    AuthorizationConfig,
    CoordinationConfig,
    JetStreamConfig,
    PeerConfig,
    ResolverConfig,
    TlsConfig,
    WebsocketConfig,
)
from broker.config.reader import Node
from broker.config.values import (
    Address,
    BadValue,
    Report,
    Table,
    boolean,
    fill,
    integer,
    kind_of,
    listen,
    mapping,
    place,
    port,
    seconds,
    size,
    strict_duration,
    sync_interval,
    table,
    text,
    text_map,
    texts,
)


def unsupported(node: Node, _report: Report) -> None:
    """Leaving it out would weaken the server; switched off is what this server has."""
    if node.value is False:
        return
    raise BadValue("this setting is not supported by this server", node)


def ignored(node: Node, report: Report) -> None:
    report.warn(node, "this setting has no effect on this server")


# TLS -------------------------------------------------------------------------------------------------


#: ``handshake_first: auto`` waits so long for a handshake.
_HELLO_WAIT_S = 0.05


def _handshake_first(node: Node, _report: Report) -> bool | float:
    """True = always; a number of seconds = wait so long for a handshake, then send INFO."""
    if isinstance(node.value, bool):
        return node.value
    word = text(node).lower()
    if word in ("true", "on"):
        return True
    if word in ("false", "off"):
        return False
    if word in ("auto", "auto_fallback"):
        return _HELLO_WAIT_S
    try:
        return strict_duration(node)
    except BadValue:
        raise BadValue(
            f'field "handshake_first"\'s value "{node.value}" is invalid', node
        ) from None


def _certs(node: Node, report: Report) -> tuple[tuple[str, str], ...]:
    if not isinstance(node.value, list):
        raise BadValue("error parsing certificates config: unsupported type", node)
    pairs = []
    for item in node.value:
        pair = _Pair()
        fill(pair, item, _PAIR, report, "certs")
        if not pair.cert_file or not pair.key_file:
            raise BadValue(
                "error parsing certificates config: both 'cert_file' and 'key_file' "
                "options are required",
                item,
            )
        pairs.append((pair.cert_file, pair.key_file))
    return tuple(pairs)


def _min_version(node: Node, _report: Report) -> str:
    version = text(node)
    if version not in ("1.2", "1.3", "tls1.2", "tls1.3", "TLSv1.2", "TLSv1.3"):
        raise BadValue(f"unknown or unsupported TLS version: {version}", node)
    return version[-3:]


class _Pair:
    cert_file = ""
    key_file = ""


class _Tls(_Pair):
    certs: tuple[tuple[str, str], ...] = ()
    ca_file = ""
    verify = False
    verify_and_map = False
    timeout = 0.0
    handshake_first: bool | float = False
    min_version = ""


_PAIR = table(("cert_file", text), ("key_file", text))
_TLS = _PAIR | table(
    ("ca_file", text),
    ("insecure", boolean),
    ("verify", boolean),
    ("verify_and_map", boolean),
    ("verify_cert_and_check_known_urls", boolean),
    ("allow_insecure_cipher_suites", unsupported),
    ("cipher_suites curve_preferences connection_rate_limit", ignored),
    ("timeout", seconds),
    ("pinned_certs", unsupported),
    ("handshake_first first immediate", _handshake_first),
    ("certs certificates", _certs),
    ("min_version", _min_version),
    ("cert_store cert_match cert_match_by ca_certs_match cert_match_skip_invalid", unsupported),
    ("ocsp_peer", unsupported),
)


def tls(node: Node, report: Report) -> TlsConfig:
    raw = _Tls()
    fill(raw, node, _TLS, report, "tls")
    if not raw.certs:
        if not raw.cert_file:
            raise BadValue("missing 'cert_file' in TLS configuration", node)
        if not raw.key_file:
            raise BadValue("missing 'key_file' in TLS configuration", node)
        raw.certs = ((raw.cert_file, raw.key_file),)
    return TlsConfig(
        place=place(node),
        certs=raw.certs,
        ca_file=raw.ca_file,
        verify=raw.verify or raw.verify_and_map,
        verify_and_map=raw.verify_and_map,
        timeout=raw.timeout,
        handshake_first=raw.handshake_first is not False,
        hello_wait=0.0 if isinstance(raw.handshake_first, bool) else raw.handshake_first,
        min_version=raw.min_version,
    )


# WebSocket -------------------------------------------------------------------------------------------

_SIMPLE_AUTH = table(
    ("user", text), ("password", text), ("token", text), ("timeout", seconds),
)  # fmt: skip
_SIMPLE_AUTH |= {"username": _SIMPLE_AUTH["user"], "pass": _SIMPLE_AUTH["password"]}


def _simple_auth(node: Node, report: Report) -> AuthorizationConfig:
    auth = AuthorizationConfig(defined=True)
    fill(auth, node, _SIMPLE_AUTH, report, "authorization")
    return auth


class _Listening:
    """Where ``listen``, ``host`` and ``port`` of a block are gathered before they become its dataclass's."""

    listen: Address | None = None
    host = ""
    port: int | None = None

    def address(self) -> tuple[str, int | None]:
        if self.listen is not None:
            return self.listen
        return self.host, self.port


_LISTENING = table(("listen", listen), ("host net", text), ("port", port))
_WEBSOCKET = _LISTENING | table(
    ("advertise", text),
    ("no_tls", boolean),
    ("tls", tls),
    ("same_origin", boolean),
    ("allowed_origins allowed_origin allow_origins allow_origin origins origin", texts),
    ("handshake_timeout", seconds),
    ("compression compress", boolean),
    ("authorization authentication", _simple_auth),
    ("jwt_cookie", text),
    ("user_cookie", text),
    ("pass_cookie", text),
    ("token_cookie", text),
    ("no_auth_user", text),
    ("headers", text_map),
    ("ping_interval", seconds),
)


def websocket(node: Node, report: Report) -> WebsocketConfig:
    config = WebsocketConfig()
    where = _Listening()
    own: Table = {k: o for k, o in _WEBSOCKET.items() if o.attribute not in ("listen", "host", "port")}  # fmt: skip
    _split(where, config, node, own, report, "websocket")
    host, number = where.address()
    config.host = host or config.host
    config.port = number or 0
    return config


def _split(
    where: _Listening, target: object, node: Node, own: Table, report: Report, what: str
) -> None:
    """Fills the address from its keys and the rest of the block into ``target``."""
    entries = mapping(node, what)
    address = {key: value for key, value in entries.items() if key.lower() in _LISTENING}
    rest = {key: value for key, value in entries.items() if key.lower() not in _LISTENING}
    fill(where, Node(address, node.line, node.col, node.file), _LISTENING, report, what)
    fill(target, Node(rest, node.line, node.col, node.file), own, report, what)


# JetStream -------------------------------------------------------------------------------------------


_JETSTREAM_LIMITS = table(
    ("max_ack_pending", integer),
    ("max_ha_assets", integer),
    ("max_request_batch", integer),
    ("default_max_consumers", integer),
    ("duplicate_window", strict_duration),
    ("batch", ignored),
)


class _JetStreamLimits:
    max_ack_pending = 0
    max_request_batch = 0
    default_max_consumers = 0
    duplicate_window = 0.0


def _jetstream_limits(node: Node, report: Report) -> _JetStreamLimits:
    limits = _JetStreamLimits()
    fill(limits, node, _JETSTREAM_LIMITS, report, "limits")
    return limits


class _JetStream:
    limits: _JetStreamLimits | None = None
    sync_interval = 0.0


_JETSTREAM = table(
    ("enabled enable", boolean),
    ("strict", boolean),
    ("store_dir store storedir", text),
    ("sync_interval sync", sync_interval),
    ("max_memory_store max_mem_store max_mem", size),
    ("max_file_store max_file", size),
    ("domain", text),
    ("encryption_key key ek", unsupported),
    ("prev_encryption_key prev_key prev_ek", unsupported),
    ("cipher tpm", unsupported),
    ("extension_hint", ignored),
    ("limits", _jetstream_limits),
    ("unique_tag", ignored),
    ("max_outstanding_catchup", ignored),
    ("max_buffered_size", size),
    ("max_buffered_msgs", integer),
    ("request_queue_limit", integer),
    ("info_queue_limit meta_compact meta_compact_size meta_compact_sync", ignored),
    ("max_concurrent_io", ignored),
)


def jetstream(node: Node, report: Report) -> JetStreamConfig:
    """A bool, the words enabled or disabled, or a map (which enables)."""
    if isinstance(node.value, bool):
        return JetStreamConfig(enabled=node.value)
    if isinstance(node.value, str):
        if node.value.lower() not in ("enabled", "enable", "disabled", "disable"):
            raise BadValue(f"Expected 'enabled' or 'disabled' for string value, got '{node.value}'")
        return JetStreamConfig(enabled=node.value.lower().startswith("enable"))
    if not isinstance(node.value, dict):
        raise BadValue(
            f"Expected map, bool or string to define JetStream, got {kind_of(node.value)}"
        )
    return _jetstream_map(node, report)


def _jetstream_map(node: Node, report: Report) -> JetStreamConfig:
    raw, config = _Gathered(), JetStreamConfig(enabled=True)
    fill(raw, node, _JETSTREAM, report, "jetstream")
    values = vars(raw)
    limits = values.pop("limits", None)
    values.update(vars(limits) if limits else {})
    for name, value in values.items():
        if name in JetStreamConfig.__dataclass_fields__:
            setattr(config, name, value)
    return config


class _Gathered:
    """Takes whatever attributes a table sets, for blocks whose dataclass has fewer."""


# Resolver --------------------------------------------------------------------------------------------

_RESOLVER = table(
    ("type", text),
    ("dir", text),
    ("allow_delete", boolean),
    ("hard_delete", boolean),
    ("limit", integer),
    ("ttl", strict_duration),
    ("interval", strict_duration),
    ("timeout", strict_duration),
)
_RESOLVER_FORMS = 'error parsing account resolver, should be MEM or  URL("url") or a map containing dir and type state=[FULL|CACHE])'  # noqa: E501 — nats-server's wording


def resolver(node: Node, report: Report) -> ResolverConfig:
    if isinstance(node.value, str):
        word = node.value.strip().upper()
        if word in ("MEM", "MEMORY"):
            return ResolverConfig()
        if word.startswith("URL"):
            raise BadValue(
                "a URL resolver is not supported by this server; "
                "use MEMORY or a map with type: full"
            )
        raise BadValue(_RESOLVER_FORMS)
    config = ResolverConfig(type="")
    fill(config, node, _RESOLVER, report, "resolver")
    config.type = {"MEM": "memory"}.get(config.type.upper(), config.type.lower())
    _check_resolver(config)
    return config


def _check_resolver(config: ResolverConfig) -> None:
    if config.type not in ("memory", "full", "cache"):
        raise BadValue(_RESOLVER_FORMS)
    if config.type != "memory" and not config.dir:
        raise BadValue("dir has no value and needs to point to a directory")
    if config.type == "cache" and config.interval:
        raise BadValue("CACHE does not accept sync")
    if config.type == "cache" and config.allow_delete:
        raise BadValue("CACHE does not accept allow_delete")
    if config.type == "full" and config.ttl:
        raise BadValue("FULL does not accept ttl")
    if config.hard_delete and not config.allow_delete:
        raise BadValue("hard_delete has no effect without delete")


# Coordination ----------------------------------------------------------------------------------------

_COORDINATION = table(("url", text))


def coordination(node: Node, report: Report) -> CoordinationConfig:
    config = CoordinationConfig()
    fill(config, node, _COORDINATION, report, "coordination")
    if not config.url.startswith(("redis://", "rediss://", "unix://")):
        raise BadValue("coordination: url must begin with redis://, rediss:// or unix://")
    return config


# Other servers and protocols -------------------------------------------------------------------------


def _count(node: Node, _report: Report) -> int:
    return len(node.value) if isinstance(node.value, list) else 1


class _Peer(_Listening):
    name = ""
    routes = 0
    remotes = 0
    gateways = 0


#: Known keys of those blocks; of the values only the address, the name and the number of remotes are used.
_PEER_KEYS = """
    authorization authentication tls advertise cluster_advertise leafnode_advertise no_advertise
    connect_retries connect_backoff permissions pool_size accounts compression ping_interval ping_max
    write_deadline write_timeout reject_unknown reject_unknown_cluster reconnect reconnect_delay
    reconnect_interval dial_timeout min_version minimum_version isolate_leafnode_interest isolate
    no_auth_user ack_wait ackwait js_api_timeout api_timeout max_ack_pending max_pending max_inflight
    js_domain stream_replicas consumer_replicas consumer_memory_storage consumer_inactive_threshold
    consumer_auto_cleanup reject_qos2_publish downgrade_qos2_subscribe
"""
_PEER = table(
    ("name", text), ("routes", _count), ("remotes", _count), ("gateways", _count),
    (_PEER_KEYS, lambda _node, _report: None),
)  # fmt: skip


def peer(kind: str, node: Node, report: Report) -> PeerConfig:
    """Other kinds of listener: taken as they are written, with one warning that names what is left out."""
    raw = _Peer()
    _split(raw, raw, node, _PEER, report, kind)
    if " " in raw.name:
        raise BadValue(f"{kind} name cannot contain spaces", node)
    report.warn(node, f"{kind}: this server stands alone; peers are turned away")
    host, number = raw.address()
    remotes = raw.routes + raw.remotes + raw.gateways
    return PeerConfig(kind, raw.name, host or PeerConfig(kind).host, number, remotes)
