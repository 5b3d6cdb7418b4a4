"""The top-level options of a configuration file: one row each, and the file → ``Config``."""

from broker.config import blocks
from broker.config.accounts import accounts, mappings
from broker.config.errors import ConfigError
from broker.config.options import Config, JetStreamConfig, PeerConfig
from broker.config.reader import Node, digest, parse_file
from broker.config.users import authorization
from broker.config.values import (
    Address,
    BadValue,
    Option,
    Report,
    bool_map,
    boolean,
    duration,
    int32,
    integer,
    listen,
    port,
    size,
    strict_duration,
    table,
    text,
    text_map,
    texts,
    worded,
)
from broker.identity import nkeys

LAME_DUCK_MIN_S = 30.0
SUBSCRIPTION_TOKENS_MAX = 255


# Readers that only a top-level option needs ------------------------------------------------------------


def _server_name(node: Node, _report: Report) -> str:
    name = text(node)
    if " " in name:
        raise BadValue("server name cannot contain spaces", node)
    return name


def _max_connections(node: Node, _report: Report) -> int:
    return integer(node) or -1


def _subscription_tokens(node: Node, _report: Report) -> int:
    number = integer(node)
    if number > SUBSCRIPTION_TOKENS_MAX:
        raise BadValue("max_subscription_tokens value is too big", node)
    if number <= 0:
        raise BadValue("max_subscription_tokens value can not be negative", node)
    return number


def _write_timeout(node: Node, _report: Report) -> str:
    if node.value not in ("default", "close", "retry"):
        raise BadValue("write_timeout must be 'default', 'close' or 'retry'", node)
    return text(node)


def _lame_duck_duration(node: Node, _report: Report) -> float:
    value = strict_duration(node)
    if value < LAME_DUCK_MIN_S:
        raise BadValue(f"invalid lame_duck_duration of {value:g}s, minimum is 30 seconds", node)
    return value


def _lame_duck_grace(node: Node, _report: Report) -> float:
    value = strict_duration(node)
    if value < 0:
        raise BadValue("invalid lame_duck_grace_period, needs to be positive", node)
    return value


def _trusted_keys(node: Node, _report: Report) -> tuple[str, ...]:
    for key in texts(node):
        if not nkeys.is_public(key, "operator"):
            raise BadValue(f'trust key "{key}" required to be a valid public operator nkey', node)
    return texts(node)


def _http(node: Node, report: Report) -> object:
    return listen(node)


#: Name and aliases, and how the value is read. Those that set more than their own attribute are in ``_SPREAD``.
OPTIONS = table(
    ("listen", listen),
    ("client_advertise", text),
    ("port", port),
    ("server_name", _server_name),
    ("host net", text),
    ("debug", boolean),
    ("trace", boolean),
    ("trace_verbose", boolean),
    ("trace_headers", boolean),
    ("logtime", boolean),
    ("logtime_utc", boolean),
    ("mappings maps", mappings),
    ("no_sublist_cache disable_sublist_cache", blocks.ignored),
    ("accounts", accounts),
    ("default_sentinel", blocks.unsupported),
    ("authorization", authorization),
    ("http", _http),
    ("https", _http),
    ("http_port monitor_port", port),
    ("https_port", port),
    ("http_base_path", text),
    ("store_dir storedir", text),
    ("jetstream", blocks.jetstream),
    ("log_file logfile", text),
    ("log_size_limit logfile_size_limit", size),
    ("log_max_num logfile_max_num", integer),
    ("syslog remote_syslog", blocks.unsupported),
    ("pid_file pidfile", text),
    ("ports_file_dir", text),
    ("prof_port prof_block_rate", blocks.ignored),
    ("max_control_line", int32),
    ("max_payload", int32),
    ("max_pending", size),
    ("proxy_protocol proxies", blocks.unsupported),
    ("max_connections max_conn", _max_connections),
    ("max_traced_msg_len", integer),
    ("max_subscriptions max_subs", integer),
    ("max_subscription_tokens max_sub_tokens", _subscription_tokens),
    ("ping_interval", duration),
    ("ping_max", integer),
    ("tls", blocks.tls),
    ("ocsp ocsp_cache", blocks.unsupported),
    ("allow_non_tls", boolean),
    ("write_deadline", duration),
    ("write_timeout", _write_timeout),
    ("lame_duck_duration", _lame_duck_duration),
    ("lame_duck_grace_period", _lame_duck_grace),
    ("operator operators roots root root_operators root_operator", texts),
    ("resolver account_resolver accounts_resolver", blocks.resolver),
    ("resolver_tls", blocks.unsupported),
    ("resolver_preload", text_map),
    ("resolver_pinned_accounts", texts),
    ("no_auth_user", text),
    ("system_account system", text),
    ("no_system_account no_system no_sys_acc", boolean),
    ("no_header_support", boolean),
    ("trusted_keys trusted", _trusted_keys),
    ("connect_error_reports", integer),
    ("reconnect_error_reports", integer),
    ("websocket ws", blocks.websocket),
    ("server_tags", texts),
    ("server_metadata", text_map),
    ("feature_flags", bool_map),
    ("default_js_domain", blocks.ignored),
    ("no_fast_producer_stall", boolean),
    ("max_closed_clients", integer),
    ("coordination", blocks.coordination),
)


def _peer_option(kind: str) -> Option:
    return Option(kind, lambda node, report: blocks.peer(kind, node, report))


_PEERS = {
    "leafnodes": "leafnodes",
    "leaf": "leafnodes",
    "cluster": "cluster",
    "gateway": "gateway",
    "mqtt": "mqtt",
}
OPTIONS |= {name: _peer_option(kind) for name, kind in _PEERS.items()}


def read_config(path: str) -> tuple[Config, Report]:
    """The file's settings over the defaults, and its warnings.

    Raises ParseError or OSError when it can't be read, ConfigError when its values can't be used.
    """
    root = parse_file(path)
    config = Config(config_file=path, config_digest=digest(root))
    report = Report()
    if not root:
        report.misuses.append(f"{path}: config has no values or is empty")
        report.warnings.extend(report.misuses)
    for key, node in root.items():
        _apply(config, key, node, report)
    if root:
        _check_users(config, next(iter(root.values())), report)
    if report.errors:
        raise ConfigError([*report.errors, *report.warnings])
    return config, report


def _apply(config: Config, key: str, node: Node, report: Report) -> None:
    option = OPTIONS.get(key.lower())
    if option is None:
        report.unknown(node, key)
        return
    report.key = key
    try:
        _store(config, option.attribute, option.read(node, report))
    except BadValue as error:
        reason = worded(key, str(error))
        report.error(
            error.node or node, f"{key} {reason}" if reason == "value is too big" else reason
        )


def _store(config: Config, name: str, value: object) -> None:
    if isinstance(value, PeerConfig):
        config.peers[value.kind] = value
    elif name == "listen":
        assert isinstance(value, Address)
        config.host, config.port = value.host or config.host, value.port
    elif name in ("http", "https"):
        assert isinstance(value, Address)
        config.http_host = value.host
        setattr(config, f"{name}_port", value.port)
    elif name == "store_dir":
        config.jetstream.store_dir = str(value)
    elif name == "jetstream":
        assert isinstance(value, JetStreamConfig)
        value.store_dir = value.store_dir or config.jetstream.store_dir
        config.jetstream = value
    elif name in Config.__dataclass_fields__:
        setattr(config, name, value)
        if name in ("trace_verbose", "trace_headers"):
            config.trace = config.trace or bool(value)


def _check_users(config: Config, node: Node, report: Report) -> None:
    """Names and keys are unique over the whole file, and one kind of login excludes the others."""
    seen: set[str] = set()
    for user in config.users():
        kind, name = ("nkey", user.nkey) if user.nkey else ("user", user.user)
        if name in seen:
            report.error(node, f'Duplicate {kind} "{name}" detected')
        seen.add(name)
    if any(account.users for account in config.accounts):
        if config.authorization.user:
            report.error(node, "Can not have a single user/pass and accounts")
        elif config.authorization.token:
            report.error(node, "Can not have a token and accounts")
