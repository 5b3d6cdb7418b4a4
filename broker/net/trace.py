"""Trace lines: what goes over a connection, operation by operation, in nats-server's form.

It listens beside the data path and parses for itself, so that nothing is slower where nobody traces. Operations are
carried out one by one meanwhile, so that in the log what is sent stands behind what it follows from.
Limit    an unfinished operation is kept up to KEPT_MAX bytes; beyond that the rest of the connection isn't traced
Source   nats-server ``client.go`` (traceInOp, traceMsgInternal), ``parser.go`` (CONNECT redacted)
"""

import logging
import re
from collections.abc import Iterator
from typing import Final, Literal

from broker.core.client import Client
from broker.net.client_log import label
from broker.net.connection import TRACE
from broker.protocol.errors import quote

log = logging.getLogger("broker")

KEPT_MAX: Final = 8 * 1024 * 1024 + 4096
_SECRETS: Final = re.compile(rb'("(?:pass|auth_token|jwt|sig)"\s*:\s*")[^"]*(")')
_SIZES: Final = {b"PUB": 1, b"HPUB": 2, b"MSG": 1, b"HMSG": 2}

_HEADER_END: Final = b"\r\n\r\n"

Direction = Literal["<<-", "->>"]
#: INFO isn't traced, nor is what the server doesn't understand.
_SHOWN: Final[dict[Direction, frozenset[bytes]]] = {
    "<<-": frozenset((b"CONNECT", b"PUB", b"HPUB", b"SUB", b"UNSUB", b"PING", b"PONG", b"-ERR")),
    "->>": frozenset((b"MSG", b"HMSG", b"PING", b"PONG", b"+OK", b"-ERR")),
}


class WireTrace:
    """Both directions of one client. ``max_len``: printable bytes of a payload, 0 = all of it."""

    def __init__(self, client: Client, max_len: int = 0, *, headers_only: bool = False) -> None:
        self._client = client
        self._max_len = max_len
        self._headers_only = headers_only
        self._kept: dict[Direction, bytes] = {"<<-": b"", "->>": b""}
        self._lost = False

    def received(self, block: bytes) -> Iterator[bytes]:
        """The block in pieces: each ends with the operation that was just written into the log."""
        start = 0
        for end in self._take("<<-", block):
            yield block[start:end]
            start = end
        if start < len(block):
            yield block[start:]

    def sent(self, block: bytes) -> None:
        for _ in self._take("->>", block):
            pass

    def _take(self, direction: Direction, block: bytes) -> Iterator[int]:
        """Where in the block each operation ends, after it was written into the log."""
        if self._lost:
            return
        data = self._kept[direction] + block
        before = len(data) - len(block)
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            line = data[at:end].rstrip(b"\r")
            words = line.split()
            verb = words[0].upper() if words else b""
            body = b""
            after = end + 1
            if verb in _SIZES and words[-1].isdigit():
                size = int(words[-1])
                if len(data) < after + size + 2:
                    break
                body = data[after : after + size]
                after += size + 2
            self._log(direction, verb, words, line, body)
            at = after
            yield at - before
        self._kept[direction] = data[at:]
        if len(data) - at > KEPT_MAX:
            self._lost = True
            self._kept = {"<<-": b"", "->>": b""}

    def _log(
        self, direction: Direction, verb: bytes, words: list[bytes], line: bytes, body: bytes
    ) -> None:
        if verb not in _SHOWN[direction]:
            return
        head = f"{label(self._client)} - {direction}"
        log.log(TRACE, "%s [%s]", head, _shown(verb, words, line))
        if body and self._headers_only:
            body = body[: max(int(words[-2]) - len(_HEADER_END), 0)] if _SIZES[verb] == 2 else b""
        if body:
            log.log(TRACE, "%s MSG_PAYLOAD: [%s]", head, self._payload(body))

    def _payload(self, body: bytes) -> str:
        if 0 < self._max_len < len(body):
            return f'{quote(body[: self._max_len])[:-1]}..."'
        return quote(body)


def _shown(verb: bytes, words: list[bytes], line: bytes) -> str:
    if verb == b"+OK":
        return "OK"
    if verb == b"-ERR":
        return f"-ERR {line[5:].decode('utf-8', 'replace').strip(chr(39))}"
    if verb == b"CONNECT":
        line = _SECRETS.sub(rb"\1[REDACTED]\2", line)
        return line.decode("utf-8", "replace")
    return b" ".join([verb, *words[1:]]).decode("utf-8", "replace")
