"""File and command line together: one ``Config`` that holds, or an error that says why not. Flags win."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from broker.config.errors import ConfigError
from broker.config.flags import Flags
from broker.config.options import Config, PeerConfig, TlsConfig


@dataclass(slots=True)
class Loaded:
    """A configuration that can be run, and what is to be said of it."""

    config: Config
    #: Lines for the log, each with its place in the file where it has one.
    warnings: list[str]
    #: Those warnings that make a test of the file (``-t``) fail.
    misuses: list[str] = field(default_factory=list)


def load(flags: Flags) -> Loaded:
    """Raises ConfigError; its ``lines`` are ready to print after the program's name."""
    path = flags.get("config", "")
    config, warnings, misuses = _read(path) if path else (Config(), [], [])
    _apply_flags(config, flags)
    for kind in config.peers:
        if kind not in "".join(warnings):
            warnings.append(f"{kind}: this server stands alone; peers are turned away")
    check(config)
    return Loaded(config, warnings, misuses)


def _read(path: str) -> tuple[Config, list[str], list[str]]:
    from broker.config.reader import ParseError, describe_os_error
    from broker.config.table import read_config

    try:
        config, report = read_config(path)
    except (ParseError, OSError) as error:
        raise ConfigError([describe_os_error(error)]) from error
    return config, report.warnings, report.misuses


# Flags -----------------------------------------------------------------------------------------------

#: Flag → attribute of ``Config``, where the value goes over as it is.
_DIRECT = {
    "addr": "host", "server_name": "server_name", "pid": "pid_file", "http_port": "http_port",
    "https_port": "https_port", "client_advertise": "client_advertise", "log": "log_file",
    "ports_file_dir": "ports_file_dir", "logtime": "logtime", "logtime_utc": "logtime_utc",
    "debug": "debug", "trace": "trace", "VV": "trace_verbose", "port": "port",
    "log_size_limit": "log_size_limit", "max_traced_msg_len": "max_traced_msg_len",
}  # fmt: skip


def _apply_flags(config: Config, flags: Flags) -> None:
    for name, attribute in _DIRECT.items():
        if name in flags.values:
            setattr(config, attribute, flags.values[name])
    for name in ("syslog", "remote_syslog"):
        if flags.get(name):
            raise ConfigError([f"--{name} is not supported by this server"])
    for number in ("port", "http_port", "https_port"):
        if not -1 <= flags.get(number, 0) <= 65535:
            raise ConfigError([f"--{number} takes 0 to 65535, or -1 for any free port"])
    if "jetstream" in flags.values:
        config.jetstream.enabled = flags.get("jetstream")
    config.jetstream.store_dir = flags.get("store_dir", config.jetstream.store_dir)
    _apply_login(config, flags)
    _apply_tls(config, flags)
    _apply_cluster(config, flags)


def _apply_login(config: Config, flags: Flags) -> None:
    auth = config.authorization
    given = {"user": flags.get("user"), "password": flags.get("pass"), "token": flags.get("auth")}
    for name, value in given.items():
        if value is not None:
            setattr(auth, name, value)
            auth.defined = True
    if (auth.user or auth.password) and auth.token:
        raise ConfigError(["Cannot have a user/pass and token"])


def _apply_tls(config: Config, flags: Flags) -> None:
    cert, key, ca = (flags.get(name, "") for name in ("tlscert", "tlskey", "tlscacert"))
    verify = bool(flags.get("tlsverify"))
    if not (flags.get("tls") or verify or cert):
        return
    if not cert:
        raise ConfigError(["TLS Server certificate must be present and valid"])
    if not key:
        raise ConfigError(["TLS Server private key must be present and valid"])
    config.tls = TlsConfig(certs=((cert, key),), ca_file=ca, verify=verify)


def _apply_cluster(config: Config, flags: Flags) -> None:
    names = ("routes", "cluster", "cluster_name", "cluster_listen")
    if not any(flags.get(name) for name in names):
        return
    peer = config.peers.setdefault("cluster", PeerConfig("cluster"))
    peer.name = flags.get("cluster_name", peer.name)
    peer.remotes = len(flags.get("routes", "").split(",")) if flags.get("routes") else peer.remotes
    if url := flags.get("cluster_listen") or flags.get("cluster"):
        from broker.config.values import BadValue, parse_address

        try:
            address = parse_address(re.sub(r"^[a-z-]+://(?:[^@/]*@)?", "", url).rstrip("/"))
        except BadValue as error:
            raise ConfigError([f"--cluster: {error}"]) from error
        peer.host, peer.port = address.host or peer.host, address.port


# What must hold over the whole configuration -----------------------------------------------------------


def _no_auth_user(config: Config) -> str | None:
    names = {u.user or u.nkey for u in config.users()}
    for name in (config.no_auth_user, config.websocket.no_auth_user):
        if name and config.operator:
            continue
        if name and not names:
            return f'no_auth_user: "{name}" present, but users/nkeys are not defined'
        if name and name not in names:
            return f'no_auth_user: "{name}" not present as user or nkey in authorization block or account configuration'
    return None


def _limits(config: Config) -> str | None:
    if config.max_payload > config.max_pending:
        return f"max_payload ({config.max_payload}) cannot be higher than max_pending ({config.max_pending})"
    if config.lame_duck_duration <= config.lame_duck_grace_period:
        return "lame duck grace period should be strictly lower than lame duck duration"
    if config.http_port and config.https_port:
        return f"can't specify both HTTP ({config.http_port}) and HTTPs ({config.https_port}) ports"
    if config.https_port and config.tls is None:
        return "TLS cert and key required for HTTPS"
    return None


def _websocket(config: Config) -> str | None:
    ws = config.websocket
    if not ws.port:
        return None
    if ws.tls is None and not ws.no_tls:
        return "websocket requires TLS configuration"
    if ws.jwt_cookie and not config.operator and not config.trusted_keys:
        return (
            "trusted operators or trusted keys configuration is required for JWT authentication "
            f'via cookie "{ws.jwt_cookie}"'
        )
    return None


def _tls(config: Config) -> str | None:
    for block in (config.tls, config.websocket.tls):
        if block is None:
            continue
        where = f"{block.place}: " if block.place else ""
        for path in (p for pair in block.certs for p in pair):
            if not Path(path).is_file():
                return f"{where}error parsing X509 certificate/key pair: open {path}: no such file or directory"
        if block.ca_file and not Path(block.ca_file).is_file():
            return f"{where}open {block.ca_file}: no such file or directory"
        if block.verify and not block.ca_file:
            return "tls: verify needs a ca_file"
    return None


def _operator(config: Config) -> str | None:
    trusted = bool(config.operator or config.trusted_keys)
    if not trusted:
        return None
    if config.operator and config.trusted_keys:
        return "conflicting options for 'trusted_keys' and 'operator'"
    if config.accounts:
        return "operator mode does not allow accounts in the configuration file"
    if config.authorization.users or config.authorization.user or config.authorization.token:
        return "operator mode does not allow users in the configuration file"
    if config.resolver is None:
        return "operator mode requires an account resolver"
    if config.no_auth_user:
        return "no_auth_user not compatible with Trusted Operator"
    return None


def _system_account(config: Config) -> str | None:
    name = config.system_account
    if not name or config.operator or config.trusted_keys or name == "$SYS":
        return None
    if name not in {account.name for account in config.accounts}:
        return f'error resolving system account "{name}": account missing'
    return None


CHECKS: tuple[Callable[[Config], str | None], ...] = (
    _limits, _tls, _websocket, _operator, _no_auth_user, _system_account,
)  # fmt: skip


def check(config: Config) -> None:
    """Raises ConfigError with the first rule that doesn't hold."""
    for rule in CHECKS:
        if reason := rule(config):
            raise ConfigError([reason])
