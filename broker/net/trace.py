"""Trace lines: what goes over a connection, operation by operation, in nats-server's form.

It listens beside the data path and parses for itself, so that nothing is slower where nobody traces. Operations of one
turn stand in the log as they were received, then what was sent.
Limit    an unfinished operation is kept up to KEPT_MAX bytes; beyond that the rest of the connection isn't traced
Source   nats-server ``client.go`` (traceInOp, traceMsgInternal), ``parser.go`` (CONNECT redacted)
"""

import logging
import re
from typing import Final, Literal

from broker.core.client import Client
from broker.net.client_log import label
from broker.net.connection import TRACE
from broker.protocol.errors import quote

log = logging.getLogger("broker")

KEPT_MAX: Final = 8 * 1024 * 1024 + 4096
_SECRETS: Final = re.compile(rb'("(?:pass|auth_token|jwt|sig)"\s*:\s*")[^"]*(")')
_SIZES: Final = {b"PUB": 1, b"HPUB": 2, b"MSG": 1, b"HMSG": 2}

Direction = Literal["<<-", "->>"]


class WireTrace:
    """Both directions of one client. ``max_len``: printable bytes of a payload, 0 = all of it."""

    def __init__(self, client: Client, max_len: int = 0, *, headers_only: bool = False) -> None:
        self._client = client
        self._max_len = max_len
        self._headers_only = headers_only
        self._kept: dict[Direction, bytes] = {"<<-": b"", "->>": b""}
        self._lost = False

    def received(self, block: bytes) -> None:
        self._take("<<-", block)

    def sent(self, block: bytes) -> None:
        self._take("->>", block)

    def _take(self, direction: Direction, block: bytes) -> None:
        if self._lost:
            return
        data = self._kept[direction] + block
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
        self._kept[direction] = data[at:]
        if len(data) - at > KEPT_MAX:
            self._lost = True
            self._kept = {"<<-": b"", "->>": b""}

    def _log(
        self, direction: Direction, verb: bytes, words: list[bytes], line: bytes, body: bytes
    ) -> None:
        if not words or verb == b"INFO":
            return
        head = f"{label(self._client)} - {direction}"
        log.log(TRACE, "%s [%s]", head, _shown(verb, words, line))
        if self._headers_only:
            body = body[: int(words[-2])] if _SIZES.get(verb) == 2 else b""
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
