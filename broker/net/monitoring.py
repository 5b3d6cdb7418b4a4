"""Monitoring over HTTP: nats-server's endpoints, and ``/metrics`` for Prometheus.

Wire     GET or HEAD; JSON, with ``callback=`` as JSONP; one request at a time per connection, kept alive
Answers  400 to a query that can't be, 404, 405
Limit    REQUEST_MAX bytes of request, REQUEST_S seconds for it to arrive
"""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from broker.core import monitor
from broker.core.server import Server

REQUEST_MAX: Final = 16 * 1024
REQUEST_S: Final = 10.0
_CALLBACK: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.]{0,127}")
_STATUS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}
_JSON: Final = "application/json"


class Monitor:
    """The endpoints of one server. ``more`` gives the fields of /varz that only the application knows."""

    def __init__(
        self,
        server: Server,
        base: str,
        more: Callable[[], dict[str, Any]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._server = server
        self._base = base.rstrip("/")
        self._more = more
        self._loop = loop
        self._asked: dict[str, int] = {}
        self._endpoints: dict[str, Callable[[dict[str, str]], Any]] = {
            "/": self._index,
            "/varz": self._varz,
            "/connz": lambda query: monitor.connz(server, query),
            "/healthz": lambda query: monitor.healthz(),
            "/accountz": lambda query: monitor.accountz(server),
            "/metrics": lambda query: monitor.metrics(server),
        }

    def connection(self) -> "MonitorConnection":
        return MonitorConnection(self, self._loop)

    def answer(self, target: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a path with its query."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        path = parts.path.removeprefix(self._base) or "/"
        endpoint = self._endpoints.get(path.rstrip("/") or "/")
        if endpoint is None:
            return 404, "text/plain; charset=utf-8", b"404 page not found\n"
        self._asked[path] = self._asked.get(path, 0) + 1
        try:
            body = endpoint(query)
        except monitor.BadQuery as error:
            return 400, "text/plain; charset=utf-8", f"{error}\n".encode()
        if isinstance(body, str):
            return (
                200,
                "text/html; charset=utf-8" if path == "/" else "text/plain; version=0.0.4",
                body.encode(),
            )
        return 200, *_json(body, query.get("callback", ""))

    def _varz(self, query: dict[str, str]) -> dict[str, Any]:
        return monitor.varz(self._server, self._more() | {"http_req_stats": self._asked})

    def _index(self, query: dict[str, str]) -> str:
        links = "".join(
            f'<li><a href="{self._base}{p}">{p[1:]}</a></li>' for p in self._endpoints if p != "/"
        )
        return f"<!DOCTYPE html><title>NATS</title><h1>Monitoring</h1><ul>{links}</ul>\n"


def _json(body: Any, callback: str) -> tuple[str, bytes]:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    if _CALLBACK.fullmatch(callback):
        return "application/javascript", f"{callback}({text})".encode()
    return _JSON, text.encode()


class MonitorConnection(asyncio.Protocol):
    """One HTTP/1.1 connection."""

    def __init__(self, monitor_: Monitor, loop: asyncio.AbstractEventLoop) -> None:
        self._monitor = monitor_
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._restart_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._transport is not None and not self._transport.is_closing():
            head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
            if len(head) > REQUEST_MAX:
                self._send(400, "text/plain", b"request too large\n", keep=False)
            elif not end:
                return
            else:
                self._received = bytearray(rest)
                self._request(head.decode("latin-1"))
                self._restart_timer()

    def _request(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self._send(400, "text/plain", b"malformed request\n", keep=False)
            return
        headers = {
            k.strip().lower(): v.strip().lower()
            for k, _, v in (line.partition(":") for line in lines)
        }
        keep = words[2] == "HTTP/1.1" and headers.get("connection") != "close"
        keep = (
            keep
            and headers.get("content-length", "0") == "0"
            and "transfer-encoding" not in headers
        )
        if words[0] not in ("GET", "HEAD"):
            self._send(405, "text/plain", b"method not allowed\n", keep=False)
            return
        status, kind, body = self._monitor.answer(words[1])
        self._send(status, kind, body, keep=keep, head_only=words[0] == "HEAD")

    def _send(
        self, status: int, kind: str, body: bytes, *, keep: bool, head_only: bool = False
    ) -> None:
        assert self._transport is not None  # requests are read only while there is one
        head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        head += "Connection: keep-alive\r\n\r\n" if keep else "Connection: close\r\n\r\n"
        self._transport.write(head.encode() + (b"" if head_only else body))
        if not keep:
            self._transport.close()

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._timer = self._loop.call_later(REQUEST_S, self._transport.close)
