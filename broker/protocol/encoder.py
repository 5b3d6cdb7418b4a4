"""What the server says to a client, as bytes. The hot ``MSG`` heads are made in ``core.match``."""

import json
from collections.abc import Mapping
from typing import Any, Final

CRLF: Final = b"\r\n"
OK: Final = b"+OK\r\n"
PING: Final = b"PING\r\n"
PONG: Final = b"PONG\r\n"


def info(fields: Mapping[str, Any]) -> bytes:
    """Wire   ``INFO {json} \\r\\n``; a space stands before the line end, as nats-server sends it."""
    return b"INFO %b \r\n" % json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def error(text: str) -> bytes:
    """Wire   ``-ERR 'text'\\r\\n``"""
    return b"-ERR '%b'\r\n" % text.encode("utf-8", "surrogateescape")


def body(reply: bytes, header: bytes, payload: bytes) -> bytes:
    """What follows ``MSG <subject> <sid> `` (or ``HMSG …`` when ``header`` isn't empty) up to the end of the message.

    Wire   ``[reply ]<#payload>\\r\\n<payload>\\r\\n`` or ``[reply ]<#header> <#total>\\r\\n<header><payload>\\r\\n``
    """
    lead = b"%b " % reply if reply else b""
    if not header:
        return b"%b%d\r\n%b\r\n" % (lead, len(payload), payload)
    total = len(header) + len(payload)
    return b"%b%d %d\r\n%b%b\r\n" % (lead, len(header), total, header, payload)


def no_responders(subject: bytes) -> bytes:
    """The header block that tells a requester that nobody listens on ``subject``."""
    return b"NATS/1.0 503\r\nNats-Subject: %b\r\n\r\n" % subject
