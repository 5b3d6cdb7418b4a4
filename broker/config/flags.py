"""The command line: nats-server's flags, in Go's form.

``-x``, ``--x``, ``-x=v`` and ``-x v``; a switch takes a value only after ``=``; the first word that
isn't a flag ends them.
Nothing is read from disk here: ``parse`` says what was given, ``load`` joins it with the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: Aliases of each flag that takes a value; the last name is the one used inside.
_VALUES = """
    a net addr | p port | n name server_name | P pid | m http_port | ms https_port | c config | sl signal
    client_advertise | ports_file_dir | l log | r remote_syslog | log_size_limit | max_traced_msg_len
    sd store_dir | user | pass | auth | tlscert | tlskey | tlscacert | routes | cluster | cluster_name
    cluster_advertise | connect_retries | cluster_listen | profile
"""
_SWITCHES = """
    t | T logtime | logtime_utc | s syslog | D debug | V trace | VV | DV | DVV | js jetstream | tls | tlsverify
    no_advertise | h help | v version | help_tls
"""
_NUMBERS = (
    "port",
    "http_port",
    "https_port",
    "connect_retries",
    "profile",
    "max_traced_msg_len",
    "log_size_limit",
)
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def _names(rows: str) -> dict[str, str]:
    """Each alias → the row's last name; rows are separated by ``|`` or a line's end."""
    found = {}
    for row in rows.replace("\n", "|").split("|"):
        if names := row.split():
            found.update(dict.fromkeys(names, names[-1]))
    return found


VALUE_FLAGS = _names(_VALUES)
SWITCH_FLAGS = _names(_SWITCHES)


class UsageError(Exception):
    """A command line that isn't one; ``str()`` is Go's sentence."""


@dataclass(slots=True)
class Flags:
    """What was given. ``values`` by the flag's long name: str, int or bool."""

    action: Literal["run", "test", "help", "version", "signal", "help_tls"] = "run"
    values: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)


def parse(arguments: Sequence[str]) -> Flags:
    """Raises UsageError."""
    flags = Flags()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            rest.insert(0, word)
            break
        if word == "--":
            break
        name, value = _split(word)
        _take(flags, name, value, rest)
    _word(flags, rest)
    return _with_action(flags)


def _split(word: str) -> tuple[str, str | None]:
    name = word[2:] if word.startswith("--") else word[1:]
    if not name or name[0] in "-=":
        raise UsageError(f"bad flag syntax: {word}")
    name, equals, value = name.partition("=")
    return name, value if equals else None


def _take(flags: Flags, name: str, value: str | None, rest: list[str]) -> None:
    if name in SWITCH_FLAGS:
        flags.values[SWITCH_FLAGS[name]] = _switch(name, value)
        return
    if name not in VALUE_FLAGS:
        raise UsageError(f"flag provided but not defined: -{name}")
    if value is None:
        if not rest:
            raise UsageError(f"flag needs an argument: -{name}")
        value = rest.pop(0)
    long = VALUE_FLAGS[name]
    flags.values[long] = _number(name, value) if long in _NUMBERS else value


def _switch(name: str, value: str | None) -> bool:
    if value is None or value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise UsageError(f'invalid boolean value "{value}" for -{name}: parse error')


def _number(name: str, value: str) -> int:
    try:
        return int(value, 0)
    except ValueError:
        raise UsageError(f'invalid value "{value}" for flag -{name}: parse error') from None


def _word(flags: Flags, rest: list[str]) -> None:
    if not rest:
        return
    word = rest[0].lower()
    if word not in ("help", "version"):
        raise UsageError(f'unrecognized command: "{rest[0]}"')
    flags.values[word] = True


def _with_action(flags: Flags) -> Flags:
    for name, action in (("help", "help"), ("help_tls", "help_tls"), ("version", "version")):
        if flags.get(name):
            flags.action = action  # type: ignore[assignment]
            return flags
    if "signal" in flags.values:
        flags.action = "signal"
    elif flags.get("t"):
        if "config" not in flags.values:
            raise UsageError(
                "must specify [-c, --config] option to check configuration file syntax"
            )
        flags.action = "test"
    for combined, plain in (("DV", "debug trace"), ("DVV", "debug trace VV"), ("VV", "trace VV")):
        if flags.get(combined):
            flags.values.update(dict.fromkeys(plain.split(), True))
    return flags


USAGE = """
Usage: nats-server [options]

Server Options:
    -a, --addr, --net <host>         Bind to host address (default: 0.0.0.0)
    -p, --port <port>                Use port for clients (default: 4222)
    -n, --name
        --server_name <server_name>  Server name (default: auto)
    -P, --pid <file>                 File to store PID
    -m, --http_port <port>           Use port for http monitoring
    -ms,--https_port <port>          Use port for https monitoring
    -c, --config <file>              Configuration file
    -t                               Test configuration and exit
    -sl,--signal <signal>[=<pid>]    Send signal to a server process (ldm, stop, quit, term, reopen, reload)
                                     <pid> can be either a PID (e.g. 1) or the path to a PID file
        --client_advertise <string>  Client URL to advertise to clients
        --ports_file_dir <dir>       Creates a ports file in the specified directory (nats-server_<pid>.ports).

Logging Options:
    -l, --log <file>                 File to redirect log output
    -T, --logtime                    Timestamp log entries (default: true)
        --logtime_utc                Timestamps in UTC instead of local timezone (default: false)
    -D, --debug                      Enable debugging output
    -V, --trace                      Trace the raw protocol
    -VV                              Verbose trace (traces system account as well)
    -DV                              Debug and trace
    -DVV                             Debug and verbose trace (traces system account as well)
        --log_size_limit <limit>     Logfile size limit (default: unlimited)
        --max_traced_msg_len <len>   Maximum printable length for traced messages (default: unlimited)

JetStream Options:
    -js, --jetstream                 Enable JetStream functionality
    -sd, --store_dir <dir>           Set the storage directory

Authorization Options:
        --user <user>                User required for connections
        --pass <password>            Password required for connections
        --auth <token>               Authorization token required for connections

TLS Options:
        --tls                        Enable TLS, do not verify clients (default: false)
        --tlscert <file>             Server certificate file
        --tlskey <file>              Private key for server certificate
        --tlsverify                  Enable TLS, verify client certificates
        --tlscacert <file>           Client certificate CA for verification

Cluster Options (accepted with a warning: this server stands alone):
        --routes <rurl-1, rurl-2>
        --cluster <cluster-url>
        --cluster_name <string>
        --no_advertise <bool>
        --cluster_advertise <string>
        --connect_retries <number>
        --cluster_listen <url>

Common Options:
    -h, --help                       Show this message
    -v, --version                    Show version
        --help_tls                   TLS help
"""

TLS_USAGE = """
TLS is configured in the tls section of a configuration file, for example:

    tls {
        cert_file:      "./certs/server-cert.pem"
        key_file:       "./certs/server-key.pem"
        ca_file:        "./certs/ca.pem"
        verify:         true
        verify_and_map: true
        min_version:    "1.3"
    }
"""
