"""A strict reader of what a server says: anything that isn't a whole, known frame is an error."""

from __future__ import annotations

import json
import re

_MESSAGE = re.compile(rb"(H?)MSG ([^ \r\n]+) ([^ \r\n]+) (?:([^ \r\n]+) )?(?:(\d+) )?(\d+)\r\n")
_LINES = (b"PING\r\n", b"PONG\r\n", b"+OK\r\n")


def check(data: bytes, complete: bool) -> int:
    """Return how many frames `data` holds; an unfinished last one is allowed unless `complete`.

    Raises AssertionError that shows the bytes which are no frame.
    """
    position, count = 0, 0
    while position < len(data):
        size = _frame_bytes(data, position)
        if size == 0:
            assert not complete, (
                f"the server stopped inside a frame: {data[position : position + 80]!r}"
            )
            return count
        position, count = position + size, count + 1
    return count


def _frame_bytes(data: bytes, at: int) -> int:
    """The length of the frame at `at`; 0 when it isn't finished."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return 0
    line = data[at : end + 2]
    if line in _LINES or (line.startswith(b"-ERR '") and line.endswith(b"'\r\n")):
        return len(line)
    if line.startswith(b"INFO "):
        assert isinstance(json.loads(line[5:]), dict)
        return len(line)
    return _message_bytes(data, at)


def _message_bytes(data: bytes, at: int) -> int:
    match = _MESSAGE.match(data, at)
    assert match, f"no frame: {data[at : at + 80]!r}"
    size = match.end() - at + int(match[6]) + 2
    if at + size > len(data):
        return 0
    assert data[at + size - 2 : at + size] == b"\r\n", f"no end of payload: {data[at : at + 80]!r}"
    # What a header block holds is its publisher's business.
    return size
