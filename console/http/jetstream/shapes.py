"""Answers about messages; streams and consumers go out as JetStream tells them."""

import base64
from typing import Any

from console.gateway.jetstream import Stored

Shape = dict[str, Any]

#: Payload bytes in a list of messages; one message alone comes whole.
LISTED_BYTES = 64 * 1024


def headers(block: bytes) -> list[list[str]]:
    """[[name, value], …] of a NATS/1.0 block, in its order."""
    lines = block.decode("utf-8", "replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return [[name, value.strip()] for name, _, value in pairs]


def message(stored: Stored, most: int = LISTED_BYTES) -> Shape:
    return {
        "seq": stored.seq,
        "subject": stored.subject,
        "time": stored.time,
        "headers": headers(stored.header),
        "payload_base64": base64.b64encode(stored.payload[:most]).decode(),
        "size": len(stored.payload),
    }
