"""The ``-ERR`` texts a client can be sent, and the reasons a connection is recorded with when it is closed.

Texts are nats-server's own, byte for byte: clients compare them. Whether one closes the connection is decided
where it is sent, because the same text never does both.
Source   NATS client protocol; nats-server ``errors.go``, ``client.go`` (ClosedState)
"""

from typing import Final, NamedTuple

UNKNOWN_OPERATION: Final = "Unknown Protocol Operation"
AUTHORIZATION_VIOLATION: Final = "Authorization Violation"
AUTHENTICATION_TIMEOUT: Final = "Authentication Timeout"
USER_EXPIRED: Final = "User Authentication Expired"
USER_REVOKED: Final = "User Authentication Revoked"
ACCOUNT_EXPIRED: Final = "Account Authentication Expired"
MAX_PAYLOAD: Final = "Maximum Payload Violation"
MAX_CONTROL_LINE: Final = "maximum control line exceeded"
MAX_CONNECTIONS: Final = "maximum connections exceeded"
MAX_ACCOUNT_CONNECTIONS: Final = "maximum account active connections exceeded"
MAX_SUBSCRIPTIONS: Final = "maximum subscriptions exceeded"
INVALID_SUBJECT: Final = "Invalid Subject"
INVALID_PUBLISH_SUBJECT: Final = "Invalid Publish Subject"
BAD_PROTOCOL_VERSION: Final = "invalid client protocol"
NO_RESPONDERS_NEEDS_HEADERS: Final = "no responders requires headers support"
STALE_CONNECTION: Final = "Stale Connection"
TLS_REQUIRED: Final = "Secure Connection - TLS Required"
FAILED_REGISTRATION: Final = "Failed Account Registration"


class Reason:
    """Why a connection ended, as connz and the disconnect event say it."""

    CLIENT_CLOSED: Final = "Client Closed"
    AUTHENTICATION_TIMEOUT: Final = "Authentication Timeout"
    AUTHENTICATION_FAILURE: Final = "Authentication Failure"
    AUTHENTICATION_EXPIRED: Final = "Authentication Expired"
    TLS_HANDSHAKE: Final = "TLS Handshake Failure"
    SLOW_CONSUMER_PENDING: Final = "Slow Consumer (Pending Bytes)"
    SLOW_CONSUMER_DEADLINE: Final = "Slow Consumer (Write Deadline)"
    WRITE_ERROR: Final = "Write Error"
    READ_ERROR: Final = "Read Error"
    PARSE_ERROR: Final = "Parse Error"
    STALE: Final = "Stale Connection"
    PROTOCOL_VIOLATION: Final = "Protocol Violation"
    BAD_PROTOCOL_VERSION: Final = "Bad Client Protocol Version"
    MAX_CONNECTIONS: Final = "Maximum Connections Exceeded"
    MAX_ACCOUNT_CONNECTIONS: Final = "Maximum Account Connections Exceeded"
    MAX_PAYLOAD: Final = "Maximum Message Payload Exceeded"
    MAX_CONTROL_LINE: Final = "Maximum Control Line Exceeded"
    MAX_SUBSCRIPTIONS: Final = "Maximum Subscriptions Exceeded"
    SERVER_SHUTDOWN: Final = "Server Shutdown"
    MISSING_ACCOUNT: Final = "Missing Account"
    REVOKED: Final = "Credentials Revoked"
    NO_RESPONDERS_NEEDS_HEADERS: Final = "No Responders Requires Headers"
    KICKED: Final = "Kicked"
    INTERNAL: Final = "Internal Client"


class Violation(NamedTuple):
    """What isn't allowed: ``error`` is for the client, ``logged`` for the server's log."""

    error: str
    logged: str


def publish_violation(subject: bytes) -> Violation:
    quoted = quote(subject)
    return Violation(
        f"Permissions Violation for Publish to {quoted}", f"Publish Violation - Subject {quoted}"
    )


def reply_violation(reply: bytes) -> Violation:
    quoted = quote(reply)
    return Violation(
        f"Permissions Violation for Publish with Reply of {quoted}",
        f"Publish Violation - Reply {quoted}",
    )


def subscription_violation(subject: bytes, queue: bytes, sid: bytes) -> Violation:
    error = f"Permissions Violation for Subscription to {quote(subject)}"
    logged = f"Subscription Violation - Subject {quote(subject)}"
    if queue:
        error += f" using queue {quote(queue)}"
        logged += f", Queue: {quote(queue)}"
    return Violation(error, f"{logged}, SID {sid.decode('utf-8', 'replace')}")


def subscription_removed(subject: bytes, queue: bytes, sid: bytes) -> Violation:
    """A standing subscription is taken away; who it was taken from is the log's to add."""
    error = f"Permissions Violation for Subscription to {quote(subject)}"
    logged = f"Removed sub {quote(subject)}"
    if queue:
        error += f" using queue {quote(queue)}"
        logged += f" using queue {quote(queue)}"
    return Violation(f"{error} (sid {quote(sid)})", f"{logged} (sid {quote(sid)})")


def too_many_tokens(subject: bytes, sid: bytes) -> Violation:
    return Violation(
        f"Permissions Violation for Subscription to {quote(subject)}, too many tokens",
        f"Subscription Violation Too Many Tokens - Subject {quote(subject)}, SID {sid.decode('utf-8', 'replace')}",
    )


_ESCAPES = {
    7: "\\a",
    8: "\\b",
    12: "\\f",
    10: "\\n",
    13: "\\r",
    9: "\\t",
    11: "\\v",
    34: '\\"',
    92: "\\\\",
}


def quote(raw: bytes) -> str:
    """A double-quoted string as Go's ``%q`` writes it; bytes that are no UTF-8 become ``\\x..``."""
    if raw.isascii() and raw.decode().isprintable() and b'"' not in raw and b"\\" not in raw:
        return f'"{raw.decode()}"'
    return '"' + "".join(map(_quoted, raw.decode("utf-8", "surrogateescape"))) + '"'


def _quoted(char: str) -> str:
    code = ord(char)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
