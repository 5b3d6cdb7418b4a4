"""JSON text of the API: read strictly, refused in the words of Go's decoder, written as Go writes it.

Numbers stay as they were written (``Number``), because what is wrong with one is said with its own digits.
Source   Go ``encoding/json``
"""

from __future__ import annotations

import json
from typing import Any

from broker.protocol.errors import quote

_ESCAPED = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_LITERALS = ("true", "false", "null")
_SPACE = " \t\r\n"


class Number(str):
    """A number's own digits."""

    __slots__ = ()


def loads(data: bytes) -> Any:
    """What the text says, objects as lists of pairs in their order (``Pairs``); ``ValueError`` in Go's words."""
    text = data.decode("utf-8", "replace")
    try:
        return json.loads(
            text,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_not_a_value,
            object_pairs_hook=Pairs,
        )
    except json.JSONDecodeError as error:
        raise ValueError(_in_go_words(text, error)) from error
    except RecursionError as error:
        raise ValueError("json: exceeded max depth") from error


class Pairs(list[tuple[str, Any]]):
    """The members of an object in the order of the text, repeated names included."""


def _not_a_value(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


def dumps(value: object) -> bytes:
    """Compact, in UTF-8, with ``<``, ``>`` and ``&`` escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPED).encode("utf-8", "replace")


def written(value: object) -> str:
    """What ``loads`` read, compact, as it was written: numbers with their own digits, objects in their order."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, Pairs):
        members = (f"{dumps(name).decode()}:{written(member)}" for name, member in value)
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    return dumps(value).decode()


def _in_go_words(text: str, error: json.JSONDecodeError) -> str:
    at, why = _where(text, error)
    if at >= len(text):
        return "unexpected EOF"
    offset = len(text[:at].encode("utf-8", "replace")) + 1
    if error.msg.startswith("Invalid \\"):
        return f"invalid escape sequence `\\{text[at]}` in string at offset {offset}"
    char = text[at]
    shown = "\\'" if char == "'" else char if char == '"' else quote(char.encode())[1:-1]
    return f"invalid character '{shown}' {why} at offset {offset}"


def _where(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """The position of the offending character and what Go says about it."""
    at = error.pos
    if error.msg.startswith("Unterminated"):
        return len(text), ""
    if error.msg.startswith("Invalid \\"):
        return at + 1, ""
    if error.msg.startswith("Invalid control"):
        return at, "in string"
    if error.msg.startswith("Expecting property"):
        return _skip_space(text, at), "looking for beginning of object key string"
    if error.msg.startswith("Expecting ':'"):
        return at, "after object key"
    if error.msg.startswith("Expecting ','"):
        inside = _innermost(text[:at])
        return at, "after object key:value pair" if inside == "{" else "after array element"
    return _bad_value(text, _skip_space(text, at))


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _bad_value(text: str, at: int) -> tuple[int, str]:
    for literal in _LITERALS:
        if text[at : at + 1] == literal[0]:
            same = next((i for i, c in enumerate(literal) if text[at + i : at + i + 1] != c), 0)
            if same:
                return at + same, f"in literal {literal} (expecting '{literal[same]}')"
    if text[at : at + 1] == "-":
        return at + 1, "in numeric literal"
    return at, "looking for beginning of value"


def _innermost(text: str) -> str:
    """Whether the end of the text is inside of an object or of an array."""
    opened: list[str] = []
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "{[":
            opened.append(char)
        elif char in "}]" and opened:
            opened.pop()
    return opened[-1] if opened else ""
