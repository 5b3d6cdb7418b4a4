"""What a client can say: the kinds of operations, and the options of CONNECT.

Wire     CONNECT {json}
Answers  nothing, +OK when verbose; a value of the wrong type closes the connection without a word
Source   nats-server ``client.go`` (ClientOpts), Go's encoding/json: keys in any case, null leaves a field as it is
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, get_args, get_type_hints

from broker.protocol import json_words

PUB: Final = 1
HPUB: Final = 2
SUB: Final = 3
UNSUB: Final = 4
CONNECT: Final = 5
PING: Final = 6
PONG: Final = 7
INFO: Final = 8
OK: Final = 9
ERR: Final = 10

#: JSON key → field, where they differ.
_KEYS = {"pass": "password"}


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Fields of CONNECT with nats-server's defaults for absent ones; unknown keys are ignored."""

    verbose: bool = True
    pedantic: bool = True
    echo: bool = True
    headers: bool = False
    no_responders: bool = False
    tls_required: bool = False
    protocol: int = 0
    user: str = ""
    password: str = ""
    auth_token: str = ""
    nkey: str = ""
    sig: str = ""
    jwt: str = ""
    name: str = ""
    lang: str = ""
    version: str = ""
    account: str = ""
    new_account: bool = False

    def __repr__(self) -> str:
        return f"ConnectOptions(name={self.name!r}, lang={self.lang!r}, version={self.version!r})"


#: Before CONNECT, and for whatever CONNECT leaves out. Pedantic only bites once CONNECT was seen.
DEFAULTS: Final = ConnectOptions()
_TYPES: Final[dict[str, type]] = {
    name: hint for name, hint in get_type_hints(ConnectOptions).items() if not get_args(hint)
}
_GO_TYPES: Final[dict[type, str]] = {bool: "bool", int: "int", str: "string"}
_FIELDS: Final = {f.name.lower(): f.name for f in fields(ConnectOptions)} | _KEYS


def decode_connect(raw: bytes, before: ConnectOptions = DEFAULTS) -> ConnectOptions:
    """The options with what ``raw`` says put over ``before``. Raises ValueError, in nats-server's words."""
    data = json_words.loads(raw)
    if data is None:
        return before
    if not isinstance(data, dict):
        raise ValueError(_misfit(data, "value", "server.ClientOpts"))
    known: dict[str, Any] = {}
    for key, value in data.items():
        name = _FIELDS.get(key.lower())
        if name is None or value is None:
            continue
        if type(value) is not _TYPES[name]:
            wanted = _GO_TYPES[_TYPES[name]]
            raise ValueError(_misfit(value, f"struct field ClientOpts.{key.lower()}", wanted))
        known[name] = value
    return replace(before, **known)


def info_problem(raw: bytes) -> str:
    """Why this is no INFO, whose contents don't matter, in nats-server's words; or ""."""
    try:
        data = json_words.loads(raw)
    except ValueError as error:
        return str(error)
    return "" if isinstance(data, dict | None) else _misfit(data, "value", "server.Info")


def _misfit(value: Any, where: str, wanted: str) -> str:
    return f"json: cannot unmarshal {json_words.kind(value)} into Go {where} of type {wanted}"
