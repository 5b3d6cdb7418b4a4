"""JSON that a client sent, and what is wrong with it in the words of Go's decoder.

Source   Go ``encoding/json`` (scanner.go)
"""

import json
from typing import Any, Final

_PLACES: Final = {
    "Expecting property name": "looking for beginning of object key string",
    "Expecting ':'": "after object key",
    "Extra data": "after top-level value",
    "Expecting ','": "after object key:value pair",
}


def loads(raw: bytes) -> Any:
    """Raises ValueError in Go's words."""
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(_go_sentence(error, text)) from None
    except RecursionError:
        raise ValueError("exceeded max depth") from None


def _no_constant(name: str) -> None:
    raise json.JSONDecodeError("Expecting value", name, 0)


def _go_sentence(error: json.JSONDecodeError, text: str) -> str:
    rest = text[error.pos :].lstrip(" \t\r\n")
    if not rest or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    places = (place for start, place in _PLACES.items() if error.msg.startswith(start))
    return f"invalid character {rest[0]!r} {next(places, 'looking for beginning of value')}"


def kind(value: Any) -> str:
    """What Go calls the kind of a decoded value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "number"
