"""JSON answers of two servers made comparable: keys and their order stay, values that differ by nature become words."""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DURATION = re.compile(r"(\d+y)?(\d+d)?(\d+h)?(\d+m)?\d+(\.\d+)?(ms|µs|ns|s)")
_INBOX = re.compile(r"_INBOX\.[\w.*]+")
_SERVER = re.compile(r"\bN[A-Z2-7]{55}\b")


def shape(value: Any, hidden: frozenset[str] = frozenset()) -> Any:
    """Objects become lists of pairs, so that order counts; lists are sorted, as maps give them; ``hidden`` keys go."""
    if isinstance(value, dict):
        return [(key, shape(entry, hidden)) for key, entry in value.items() if key not in hidden]
    if isinstance(value, list):
        return sorted((shape(entry, hidden) for entry in value), key=str)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return "number"
    if _TIME.fullmatch(value):
        return "time"
    if _DURATION.fullmatch(value):
        return "duration"
    return _INBOX.sub("inbox", _SERVER.sub("server id", value))
