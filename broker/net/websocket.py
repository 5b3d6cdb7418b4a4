"""NATS over WebSocket: the upgrade, and a ``Connection`` whose bytes travel in frames.

Wire     GET with Upgrade: websocket, Sec-WebSocket-Version: 13; then binary frames that carry
         the NATS protocol, cut anywhere
Answers  101, or 400, 403 (origin), 405 (method) with a sentence; close frames with the code of ``_CODES``
Limit    REQUEST_MAX for the request, ``handshake_timeout`` for its arrival
Source   RFC 6455, RFC 7692; nats-server ``websocket.go``
"""

import asyncio
import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from broker.core.auth import ConnectionType, Peer, PeerTls
from broker.core.server import Server
from broker.net import frames
from broker.net.connection import Connection
from broker.protocol.errors import Reason

REQUEST_MAX: Final = 8192
_KEY_BYTES: Final = 16
#: Paths where a nats-server speaks something else.
_OTHER_ENDPOINTS: Final = ("/leafnode", "/mqtt")
_MAGIC: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_EXTENSION: Final = "permessage-deflate"
_AGREED: Final = f"{_EXTENSION}; server_no_context_takeover; client_no_context_takeover"
_STATUS: Final = {
    400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WebsocketRules:
    """The ``websocket`` block as far as the upgrade needs it."""

    same_origin: bool = False
    allowed_origins: frozenset[str] = frozenset()
    compression: bool = False
    handshake_timeout_s: float = 2.0
    #: Name of a cookie → the field of CONNECT that it stands for.
    cookies: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    tls: bool = False


class UpgradeError(Exception):
    """A request that isn't let in; ``status`` is HTTP's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request's head; names in lower case, the last of equal ones counts."""

    method: str
    path: str
    headers: dict[str, str]

    def has(self, name: str, word: str) -> bool:
        return word in [part.strip().lower() for part in self.headers.get(name, "").split(",")]

    def cookie(self, name: str) -> str:
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return ""


def forwarded_ip(request: Request) -> str:
    """The address that a proxy speaks for; "" when there is none that is one."""
    text = request.headers.get("x-forwarded-for", "")
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        return ""


def read_request(raw: bytes) -> Request:
    """Raises UpgradeError."""
    lines = raw.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise UpgradeError(400, "malformed request")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise UpgradeError(400, "malformed header")
        headers[name.strip().lower()] = value.strip()
    return Request(words[0], words[1], headers)


def upgrade(request: Request, rules: WebsocketRules) -> tuple[bytes, bool]:
    """The answer that lets the client in, and whether its frames may be compressed. Raises UpgradeError."""
    if request.path.endswith(_OTHER_ENDPOINTS):
        raise UpgradeError(404, "mqtt and leafnode websocket endpoints are not enabled")
    if request.method != "GET":
        raise UpgradeError(405, "request method must be GET")
    if not request.headers.get("host"):
        raise UpgradeError(400, "'Host' missing in request")
    for name, word in (("upgrade", "websocket"), ("connection", "upgrade")):
        if not request.has(name, word):
            raise UpgradeError(400, f"invalid value for header '{name.title()}'")
    key = request.headers.get("sec-websocket-key", "")
    if not key:
        raise UpgradeError(400, "key missing")
    if not _is_key(key):
        raise UpgradeError(400, "invalid websocket key")
    if request.headers.get("sec-websocket-version") != "13":
        raise UpgradeError(400, "invalid version")
    _check_origin(request, rules)
    offered = request.headers.get("sec-websocket-extensions", "").lower()
    compression = rules.compression and _EXTENSION in offered
    return _answer(key, rules, compression), compression


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _answer(key: str, rules: WebsocketRules, compression: bool) -> bytes:
    accept = base64.b64encode(hashlib.sha1((key + _MAGIC).encode()).digest())  # noqa: S324 — RFC 6455
    lines = [
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept.decode()}",
    ]  # fmt: skip
    if compression:
        lines.append(f"Sec-WebSocket-Extensions: {_AGREED}")
    lines += [f"{name}: {value}" for name, value in rules.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _check_origin(request: Request, rules: WebsocketRules) -> None:
    origin = request.headers.get("origin", "")
    if not origin or not (rules.same_origin or rules.allowed_origins):
        return
    given = _host_port(origin)
    scheme = "https" if rules.tls else "http"
    own = _host_port(f"{scheme}://{request.headers['host']}")
    if rules.same_origin and given[1:] != own[1:]:
        raise UpgradeError(403, "origin not allowed: not same origin")
    if rules.allowed_origins and given not in {_host_port(o) for o in rules.allowed_origins}:
        raise UpgradeError(403, "origin not allowed: not in the allowed list")


def _host_port(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        default = 443 if parts.scheme == "https" else 80
        return parts.scheme, (parts.hostname or "").lower(), parts.port or default
    except ValueError as error:
        raise UpgradeError(403, "origin not allowed: malformed") from error


#: Close code by the reason why the client is closed; everything else is 1011.
_CODES: Final = {
    Reason.CLIENT_CLOSED: 1000,
    **dict.fromkeys((Reason.STALE, Reason.SERVER_SHUTDOWN, Reason.READ_ERROR, Reason.WRITE_ERROR), 1001),
    **dict.fromkeys((Reason.PARSE_ERROR, Reason.PROTOCOL_VIOLATION, Reason.BAD_PROTOCOL_VERSION), 1002),
    **dict.fromkeys(
        (
            Reason.AUTHENTICATION_TIMEOUT, Reason.AUTHENTICATION_FAILURE, Reason.AUTHENTICATION_EXPIRED,
            Reason.REVOKED, Reason.MAX_CONNECTIONS, Reason.MAX_ACCOUNT_CONNECTIONS, Reason.MISSING_ACCOUNT,
            Reason.SLOW_CONSUMER_PENDING, Reason.SLOW_CONSUMER_DEADLINE,
        ),
        1008,
    ),
    Reason.MAX_PAYLOAD: 1009,
}  # fmt: skip


class WebsocketConnection(Connection):
    """A NATS client behind an upgrade."""

    __slots__ = (
        "_compression",
        "_last_frame",
        "_reader",
        "_request",
        "_rules",
        "_timeout",
        "_upgraded",
    )

    connection_type: ConnectionType = "WEBSOCKET"
    reads_plainly = writes_plainly = False

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, rules: WebsocketRules
    ) -> None:
        super().__init__(server, loop)
        self._rules = rules
        self._request = bytearray()
        self._upgraded: Request | None = None
        self._compression = False
        self._reader: frames.Reader | None = None
        #: The answer to the peer's close frame.
        self._last_frame = b""
        self._timeout: asyncio.TimerHandle | None = None

    def begin(self, *, greet: bool = True) -> None:
        self._timeout = self.loop.call_later(self._rules.handshake_timeout_s, self.abort)

    def peer(self) -> Peer:
        peer, request = super().peer(), self._upgraded
        assert request is not None  # the client begins after the upgrade
        cookies = ((field, request.cookie(name)) for name, field in self._rules.cookies)
        return replace(
            peer,
            ip=forwarded_ip(request) or peer.ip,
            cookies=tuple((field, value) for field, value in cookies if value),
            tls=self._tls(),
        )

    def _tls(self) -> PeerTls | None:
        if not self._rules.tls or self.transport is None:
            return None
        from broker.net.tls import peer_tls

        return peer_tls(self.transport, first=True)

    # Receiving --------------------------------------------------------------------------------------

    def read(self, block: memoryview) -> None:
        if self._reader is None:
            self._read_request(bytes(block))
        else:
            self._read_frames(bytes(block))

    def _read_request(self, data: bytes) -> None:
        self._request += data
        head, end, rest = bytes(self._request).partition(b"\r\n\r\n")
        if len(head) > REQUEST_MAX:
            self._turn_away(UpgradeError(400, "request too large"))
        elif end:
            self._request = bytearray()
            self._upgrade(head, rest)

    def _upgrade(self, head: bytes, rest: bytes) -> None:
        transport = self.transport
        assert transport is not None  # it has just read
        if self._timeout is not None:
            self._timeout.cancel()
        try:
            self._upgraded = read_request(head)
            answer, self._compression = upgrade(self._upgraded, self._rules)
        except UpgradeError as error:
            self._turn_away(error)
            return
        transport.write(answer)
        self._reader = frames.Reader(compression=self._compression)
        super().begin()
        if rest:
            self._read_frames(rest)

    def _turn_away(self, error: UpgradeError) -> None:
        transport = self.transport
        if self._timeout is not None:
            self._timeout.cancel()
        if transport is not None:
            text = f"{error}\n".encode()
            head = f"HTTP/1.1 {error.status} {_STATUS[error.status]}\r\nConnection: close\r\n"
            head += "Sec-Websocket-Version: 13\r\nContent-Type: text/plain; charset=utf-8\r\n"
            head += f"Content-Length: {len(text)}\r\n\r\n"
            transport.write(head.encode() + text)
            transport.close()

    def _read_frames(self, data: bytes) -> None:
        client, reader = self.client, self._reader
        assert reader is not None  # the caller looked
        try:
            for opcode, payload in reader.feed(data):
                if client is None or client.closed:
                    return
                if opcode == frames.BINARY:
                    self.receive(client, payload)
                else:
                    self._control(opcode, payload)
        except frames.FrameError:
            if client is not None:
                self.server.close_client(client, Reason.PROTOCOL_VIOLATION)

    def _control(self, opcode: int, payload: bytes) -> None:
        assert self.client is not None  # the caller looked
        if opcode == frames.PING and self.transport is not None:
            self.flush()
            self.transport.write(frames.encode(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self._last_frame = frames.encode(frames.CLOSE, frames.checked_close(payload))
            self.server.close_client(self.client, Reason.CLIENT_CLOSED)

    # Sending ----------------------------------------------------------------------------------------

    def write(self, transport: asyncio.Transport, chunks: list[bytes]) -> None:
        transport.write(frames.encode_data(b"".join(chunks), compression=self._compression))

    def finish(self) -> None:
        client, transport = self.client, self.transport
        if client is not None and transport is not None and not self._finishing:
            self.write_chunks(transport, client.outbound.take())
            code = _CODES.get(client.reason, 1011)
            transport.write(self._last_frame or frames.encode_close(code, client.reason))
        super().finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
        super().connection_lost(exc)
