"""What a client can say: the kinds of operations, and the options of CONNECT.

Wire     CONNECT {json}
Answers  nothing, +OK when verbose; a value of the wrong type closes the connection without a word
Source   nats-server ``client.go`` (ClientOpts), Go's encoding/json: keys in any case, null leaves a field as it is
"""

import json
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NoReturn, get_args, get_type_hints

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
_FIELDS: Final = {f.name.lower(): f.name for f in fields(ConnectOptions)} | _KEYS


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"not JSON: {text}")


def decode_connect(raw: bytes, before: ConnectOptions = DEFAULTS) -> ConnectOptions | None:
    """The options with what ``raw`` says put over ``before``; None when nats-server would not understand it."""
    try:
        data = json.loads(raw.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if data is None:
        return before
    if not isinstance(data, dict):
        return None
    known: dict[str, Any] = {}
    for key, value in data.items():
        name = _FIELDS.get(key.lower())
        if name is None or value is None:
            continue
        if type(value) is not _TYPES[name]:
            return None
        known[name] = value
    return replace(before, **known)
