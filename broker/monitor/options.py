"""What a request may say: the options of each endpoint, read from a query string or from JSON.

Errors   nats-server's own sentences, which are Go's: ``strconv.Atoi: parsing "x": invalid syntax`` over HTTP,
         ``json: cannot unmarshal string into Go struct field ConnzEventOptions.cid of type uint64`` over NATS
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.protocol import json_words

_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_RANGES: Final = {
    "int": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1),
    "time.Duration": (-(2**63), 2**63 - 1), "server.ConnState": (-(2**63), 2**63 - 1),
}  # fmt: skip
_STATES: Final = {"": 0, "open": 0, "closed": 1, "any": 2, "all": 2}


class BadOption(Exception):
    """A request that can't be understood; the sentence is nats-server's."""


class BadRequest(Exception):
    """A request that is understood and can't be answered; the sentence is nats-server's."""


@dataclass(frozen=True, slots=True)
class Option:
    """``kind`` is Go's type, ``query`` the name in a query string; "" = not to be had there."""

    name: str
    kind: str = "string"
    query: str = ""

    @property
    def default(self) -> Any:
        if self.kind == "bool":
            return False
        if self.kind.startswith("[]"):
            return []
        return 0 if self.kind in _RANGES else ""


Values = dict[str, Any]

#: In any request over the system account: which servers are meant.
FILTERS: Final = (
    Option("server_name"), Option("cluster"), Option("host"), Option("exact_match", "bool"),
    Option("tags", "[]string"), Option("domain"),
)  # fmt: skip


def defaults(options: tuple[Option, ...]) -> Values:
    return {option.name: option.default for option in options}


# Query strings ---------------------------------------------------------------------------------------


def from_query(options: tuple[Option, ...], query: Mapping[str, str]) -> Values:
    """Raises BadOption. ``subs=detail`` asks for subscriptions in full, where the endpoint has that."""
    values = defaults(options)
    detailed = "subscriptions_detail" in values and query.get("subs", "").lower() == "detail"
    for option in options:
        text = query.get(option.query, "") if option.query else ""
        if text and not (detailed and option.query == "subs"):
            values[option.name] = _read(option, text)
    if detailed:
        values["subscriptions_detail"] = True
    return values


def _read(option: Option, text: str) -> Any:
    name, kind = option.query, option.kind
    if kind == "bool":
        if text not in _BOOLS:
            raise BadOption(f"Error decoding boolean for '{name}': {_syntax('ParseBool', text)}")
        return _BOOLS[text]
    if kind == "server.ConnState":
        if text.lower() not in _STATES:
            raise BadOption(f"Error decoding state for {text}")
        return _STATES[text.lower()]
    if kind == "uint64":
        return _number(text, "uint64", name, "ParseUint")
    return _number(text, "int", name, "Atoi") if kind == "int" else text


def _number(text: str, kind: str, name: str, function: str) -> int:
    signless = text if kind == "uint64" else text.removeprefix("-").removeprefix("+")
    if not (signless.isascii() and signless.isdigit()) or len(text) - len(signless) > 1:
        raise BadOption(f"Error decoding {kind} for '{name}': {_syntax(function, text)}")
    low, high = _RANGES[kind]
    if len(text) > 32 or not low <= int(text) <= high:
        reason = f"strconv.{function}: parsing {_quoted(text)}: value out of range"
        raise BadOption(f"Error decoding {kind} for '{name}': {reason}")
    return int(text)


def _syntax(function: str, text: str) -> str:
    return f"strconv.{function}: parsing {_quoted(text)}: invalid syntax"


def _quoted(text: str) -> str:
    return json.dumps(text[:256], ensure_ascii=False)


# JSON ------------------------------------------------------------------------------------------------


def from_json(struct: str, options: tuple[Option, ...], raw: bytes) -> Values:
    """``struct`` is the name of nats-server's type, for its sentences. Keys in any case. Raises BadOption."""
    values = defaults(options)
    data = parse(raw)
    if data is None:
        return values
    if not isinstance(data, dict):
        raise BadOption(
            f"json: cannot unmarshal {json_words.kind(data)} into Go value of type server.{struct}"
        )
    named = {option.name: option for option in options}
    for key, value in data.items():
        option = named.get(key) or named.get(key.lower())
        if option is not None and value is not None:
            values[option.name] = _checked(option, value, f"{struct}.{option.name}")
    return values


def parse(raw: bytes) -> Any:
    """Raises BadOption."""
    try:
        return json_words.loads(raw)
    except ValueError as error:
        raise BadOption(str(error)) from None


def _checked(option: Option, value: Any, field: str) -> Any:
    kind = option.kind
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind in _RANGES and type(value) is int:
        low, high = _RANGES[kind]
        if low <= value <= high:
            return value
    elif kind == "[]string" and isinstance(value, list):
        if all(isinstance(entry, str) for entry in value):
            return value
    elif kind in ("string", "server.SortOpt") and isinstance(value, str):
        return value
    found = json_words.kind(value)
    shown = f"number {json.dumps(value)}" if kind in _RANGES and found == "number" else found
    raise BadOption(f"json: cannot unmarshal {shown} into Go struct field {field} of type {kind}")
