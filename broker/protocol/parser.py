"""Finding one operation in a block of bytes: its kind, its arguments, where it ends. Holds no state.

The rules are those of nats-server's state machine, its oddities included: verbs in any case, blanks are spaces and
tabs, a bare LF ends a line, whatever stands between ``PING`` and its line end is skipped, the first byte after the
blanks belongs to the arguments even when it is a line end, and a CR anywhere in a line takes its last byte away.
A wrong verb is wrong as soon as its first wrong byte is there.
Publishes are recognised in ``core.receive`` by their whole control line; here only lines not seen before.
Source   nats-server ``parser.go``
"""

import re
from typing import Final

from broker.protocol import ops

_OP = re.compile(
    rb"(?:(PUB)[ \t]|(HPUB)[ \t]|(SUB)[ \t]|(UNSUB)[ \t]|(CONNECT)|(PING)|(PONG)|(INFO)|(\+OK)|(-ERR)[ \t])",
    re.IGNORECASE,
)
#: Group number of ``_OP`` → kind.
_KINDS: Final = (
    0, ops.PUB, ops.HPUB, ops.SUB, ops.UNSUB, ops.CONNECT, ops.PING, ops.PONG, ops.INFO, ops.OK, ops.ERR,
)  # fmt: skip
_VERBS: Final = (
    b"PUB ", b"HPUB ", b"SUB ", b"UNSUB ", b"CONNECT", b"PING", b"PONG", b"INFO", b"+OK", b"-ERR ",
)  # fmt: skip
_BLANKS = re.compile(rb"[ \t]*")
_SEPARATORS = bytes.maketrans(b"\t\r\n", b"   ")

#: Kinds of ``read``'s answer that are no operation.
NEED: Final = 0
BAD: Final = -1

#: States of nats-server's parser: a verb is begun, a payload's line end is expected, its CR was there.
_STATES: Final = {
    b"": 0, b"+": 1, b"+O": 2, b"-": 4, b"-E": 5, b"-ER": 6, b"-ERR": 7, b"C": 11, b"CO": 12, b"CON": 13,
    b"CONN": 14, b"CONNE": 15, b"CONNEC": 16, b"H": 19, b"HP": 20, b"HPU": 21, b"HPUB": 22, b"P": 29, b"PU": 30,
    b"PUB": 31, b"PI": 34, b"PIN": 35, b"PO": 37, b"PON": 38, b"S": 43, b"SU": 44, b"SUB": 45, b"U": 59, b"UN": 60,
    b"UNS": 61, b"UNSU": 62, b"UNSUB": 63, b"I": 71, b"IN": 72, b"INF": 73,
}  # fmt: skip
AFTER_PAYLOAD: Final = 41
AFTER_CR: Final = 42

#: Operations without arguments: what stands before their line end is skipped and counts for no limit.
UNBOUNDED: Final = (ops.PING, ops.PONG, ops.OK)

Line = tuple[int, int, int]


def read(data: bytes, pos: int) -> Line:
    """``(kind, start of the arguments, position of the LF)`` of the operation at ``pos``.

    NEED: the line's end isn't there yet; the second number is where its arguments start, -1 when even the verb is
    cut, the third the kind. BAD: no operation begins like this.
    """
    found = _OP.match(data, pos)
    if found is None:
        return (NEED, -1, 0) if _is_cut_verb(data, pos) else (BAD, 0, 0)
    assert found.lastindex is not None  # every alternative has its group
    kind = _KINDS[found.lastindex]
    if kind in UNBOUNDED:
        start = found.end()
        end = data.find(b"\n", start)
    else:
        start = _skip_blanks(data, found.end())
        end = data.find(b"\n", start + 1)
    return (kind, start, end) if end >= 0 else (NEED, start, kind)


def wrong_at(data: bytes, pos: int) -> tuple[int, int]:
    """Of a BAD operation: the state of nats-server's parser, and the position of the byte that doesn't fit."""
    at = pos
    while bytes(data[pos : at + 1]).upper() in _STATES and at < len(data):
        at += 1
    return _STATES[bytes(data[pos:at]).upper()], at


def arguments(data: bytes, start: int, end: int) -> bytes:
    """The line's arguments, without the CR that ends it."""
    raw = data[start:end]
    return raw[:-1] if b"\r" in raw else raw


def split(arguments_: bytes) -> list[bytes]:
    """Arguments at blanks; nats-server counts CR and LF among them, no other white space."""
    words = arguments_.translate(_SEPARATORS).split(b" ")
    return [word for word in words if word] if b"" in words else words


def shorten(data: bytes, pos: int, kind: int, start: int) -> bytes:
    """What to keep of an unfinished line: skipped bytes go, so that it can't grow by them."""
    if start < 0:
        return data[pos:]
    verb = _VERBS[_KINDS.index(kind) - 1]
    if kind in UNBOUNDED:
        return verb
    return verb + data[start:]


def size(digits: bytes) -> int:
    """A size of 1 to 9 ASCII digits; -1 for anything else, as nats-server's parseSize."""
    if 0 < len(digits) <= 9 and digits.isdigit():
        return int(digits)
    return -1


def _is_cut_verb(data: bytes, pos: int) -> bool:
    rest = data[pos : pos + 8].upper()
    return any(len(rest) < len(verb) and verb.startswith(rest) for verb in _VERBS)


def _skip_blanks(data: bytes, pos: int) -> int:
    if data[pos : pos + 1] not in b" \t":
        return pos
    found = _BLANKS.match(data, pos)
    assert found is not None  # matches the empty run too
    return found.end()
