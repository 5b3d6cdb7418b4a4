"""Monitoring over HTTP: nats-server's endpoints, and ``/metrics`` for Prometheus.

Wire     any method, HEAD without the body; JSON; one request at a time per connection, kept alive
Answers  400 with Go's sentence to an option that can't be, 404; /healthz 503, 404, 400 or 500 when something is wrong
Limit    REQUEST_MAX bytes of request, REQUEST_S seconds for it to arrive
Source   nats-server ``monitor.go``
"""

import asyncio
import logging
from email.utils import formatdate
from typing import Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

from broker import NATS_VERSION
from broker.monitor.endpoints import PATHS
from broker.monitor.facts import Monitor
from broker.monitor.forms import compact, indented
from broker.monitor.metrics import metrics
from broker.monitor.options import BadOption, BadRequest, from_query
from broker.net import pages

log = logging.getLogger(__name__)

REQUEST_MAX: Final = 16 * 1024
REQUEST_S: Final = 10.0
_STATUS: Final = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_JSON: Final = "application/json"
_PLAIN: Final = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


class Pages:
    """The answers of one server to paths with their queries."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def answer(self, target: str) -> Answer:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        base = self._monitor.facts.http_base_path.rstrip("/")
        if parts.path.startswith(base):
            path = parts.path.removeprefix(base) or "/"
            try:
                return self._page(path, query)
            except (BadOption, BadRequest) as error:
                return Answer(400, _PLAIN, str(error).encode())
        return _not_found()

    def _page(self, path: str, query: dict[str, str]) -> Answer:
        """Raises BadOption and BadRequest."""
        monitor = self._monitor
        if path == "/":
            monitor.asked["/"] += 1
            page = pages.index(NATS_VERSION, monitor.facts.http_base_path)
            return Answer(200, "text/html; charset=utf-8", page.encode())
        if path == "/metrics":
            return Answer(200, "text/plain; version=0.0.4", metrics(monitor).encode())
        if path == "/raftz":
            return Answer(404, _PLAIN, b"No Raft nodes registered")
        if path == "/stacksz":
            return Answer(200, _JSON, pages.stacks().encode())
        return self._endpoint(path, query)

    def _endpoint(self, path: str, query: dict[str, str]) -> Answer:
        endpoint, monitor = PATHS.get(path), self._monitor
        if endpoint is None:
            return _not_found()
        if path not in ("/ipqueuesz", "/debug/vars"):
            monitor.asked["/subsz" if path == "/subscriptionsz" else path] += 1
        data = endpoint.answer(monitor, from_query(endpoint.options, query))
        if path == "/healthz":
            return _health(data)
        if path == "/debug/vars":
            return Answer(200, f"{_JSON}; charset=utf-8", indented(data))
        return Answer(200, _JSON, indented(data, 3 if path == "/ipqueuesz" else 2))


def _health(data: dict[str, object]) -> Answer:
    status = cast(int, data.pop("status_code"))
    if "error" in data:
        log.warning('Healthcheck failed: "%s"', data["error"])
    elif "errors" in data:
        log.warning("Healthcheck failed: %d errors", len(cast(list[object], data["errors"])))
    return Answer(status, _JSON, compact(data))


def _not_found() -> Answer:
    return Answer(404, _PLAIN, b"404 page not found\n")


class MonitorConnection(asyncio.Protocol):
    """One HTTP/1.1 connection."""

    def __init__(self, pages_: Pages, loop: asyncio.AbstractEventLoop) -> None:
        self._pages = pages_
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
                self._send(Answer(400, _PLAIN, b"request too large\n"), keep=False)
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
            self._send(Answer(400, _PLAIN, b"400 Bad Request"), keep=False)
            return
        headers = {
            k.strip().lower(): v.strip().lower()
            for k, _, v in (line.partition(":") for line in lines)
        }
        keep = words[2] == "HTTP/1.1" and headers.get("connection") != "close"
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        try:
            answer = self._pages.answer(words[1])
        except Exception:
            log.exception("fault while answering %.80r", words[1])
            answer = Answer(500, _PLAIN, b"Internal Server Error\n")
        self._send(answer, keep=keep and not has_body, head_only=words[0] == "HEAD")

    def _send(self, answer: Answer, *, keep: bool, head_only: bool = False) -> None:
        assert self._transport is not None  # requests are read only while there is one
        lines = [
            f"HTTP/1.1 {answer.status} {_STATUS[answer.status]}",
            *(["Access-Control-Allow-Origin: *"] if answer.content_type == _JSON else []),
            f"Content-Type: {answer.content_type}",
            *(["X-Content-Type-Options: nosniff"] if answer.status == 404 else []),
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Length: {len(answer.body)}",
            *([] if keep else ["Connection: close"]),
        ]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self._transport.write(head + (b"" if head_only else answer.body))
        if not keep:
            self._transport.close()

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._timer = self._loop.call_later(REQUEST_S, self._transport.close)
