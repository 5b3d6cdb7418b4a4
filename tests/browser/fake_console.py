"""A console whose every answer a test decides: the real page and the real security headers, invented data.

For what can't be had from the real one at will: 20,000 messages a second on a busy machine, a gap, a refusal, a lost
socket, a strange payload. An ASGI application for daphne; a test steers it by POST /fake with a JSON object:

    {"rate": 20000}                    messages a second into every tail
    {"quiet": true}                    no namespace has ever had a message
    {"emit": [{"subject", "payload_hex", "reply"?, "header"?, "size"?}]}
    {"say": {…}}                       a JSON message to every tail; {"control": {…}} to every control socket
    {"close": 4503}                    closes every tail; {"refuse_sockets": true} until told otherwise
    {"signed_in": true, "namespaces": ["orders"], "role": "viewer", "refuse": "…"}
    {"reset": true}                    everything as at the start

The answer is what was seen: {"opens", "hidden", "most_unacknowledged", "sent", "counters"}.
"""

import asyncio
import json
import mimetypes
import re
import time
from pathlib import Path
from typing import Any

from broker.contract.frames import Record
from console.live.frames import ViewCounters, encode
from tests.browser import fake_data

ROOT = Path(__file__).resolve().parent.parent.parent
CREDIT = 8
TICK_S = 0.05
#: A frame stays far below the 1 MiB above which daphne sends nothing; a stall loses the rest.
TICK_MESSAGES_MAX = 3000
#: Every seventh invented message counts as filtered.
FILTERED_EVERY = 7


class State:
    """What the tests decided, and what the page did."""

    def __init__(self) -> None:
        self.rate = 0
        self.signed_in = True
        self.has_second_factor = False
        self.refusal = ""
        self.refuse_sockets = False
        self.data = fake_data.Data()
        self.seen: dict[str, Any] = {"opens": [], "hidden": [], "most_unacknowledged": 0, "sent": 0}


state = State()
tails: set["Tail"] = set()
controls: set["asyncio.Queue[dict[str, Any]]"] = set()


class Tail:
    """One tail socket: invents messages at the wanted rate within its credit, and counts like the real one."""

    def __init__(self, send: Any) -> None:
        self.send = send
        self.counters = ViewCounters()
        self.seq = 0
        self.made = 0
        self.unacknowledged: set[int] = set()
        self.asked = 0
        self.is_open = False
        self.is_hidden = False
        self.one_in = 1
        self.extra: list[Record] = []

    async def say(self, message: dict[str, Any]) -> None:
        await self.send({"type": "websocket.send", "text": json.dumps(message)})

    async def take(self, message: dict[str, Any]) -> None:
        if message["op"] == "ack":
            self.unacknowledged = {seq for seq in self.unacknowledged if seq > message["seq"]}
        elif message["op"] == "hidden":
            self.is_hidden = message["hidden"]
            state.seen["hidden"].append(message["hidden"])
        elif message["op"] == "open":
            await self.open(message)

    async def open(self, message: dict[str, Any]) -> None:
        state.seen["opens"].append(message)
        self.asked += 1
        if state.refusal:
            await self.say({"op": "error", "field": "subjects", "message": state.refusal})
            return
        self.counters = ViewCounters()
        self.one_in = message["n"] if message["mode"] == "one_in" else 1
        self.is_open = True
        await self.say({"op": "opened", "tail": self.asked, "credit": CREDIT, "limits": {}})

    async def run(self) -> None:
        last, owed = time.monotonic(), 0.0
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            owed += (now - last) * state.rate if self.is_open else 0
            owed = min(owed, TICK_MESSAGES_MAX)
            last = now
            if self.is_open and (owed >= 1 or self.extra):
                await self.tick(int(owed))
                owed -= int(owed)

    async def tick(self, count: int) -> None:
        c = self.counters
        c.seen += count
        if self.is_hidden or len(self.unacknowledged) >= CREDIT:
            c.dropped_hidden += count if self.is_hidden else 0
            c.dropped_slow_tab += 0 if self.is_hidden else count
            if len(self.unacknowledged) < CREDIT:
                await self.frame([])
            return
        await self.frame(self.invent(count) + self.take_extra())

    def take_extra(self) -> list[Record]:
        extra, self.extra = self.extra, []
        self.counters.seen += len(extra)
        self.counters.shown += len(extra)
        return extra

    def invent(self, count: int) -> list[Record]:
        records = []
        for _ in range(count):
            self.made += 1
            if self.made % FILTERED_EVERY == 0:
                self.counters.filtered += 1
            elif self.made % self.one_in:
                self.counters.sampled += 1
            else:
                self.counters.shown += 1
                records.append(fake_data.record(self.made))
        return records

    async def frame(self, records: list[Record]) -> None:
        self.seq += 1
        self.unacknowledged.add(self.seq)
        most = max(state.seen["most_unacknowledged"], len(self.unacknowledged))
        state.seen["most_unacknowledged"] = most
        state.seen["sent"] += len(records)
        raw = b"".join(record.encode() for record in records)
        data = encode(self.seq, time.time_ns(), self.counters, len(records), raw)
        await self.send({"type": "websocket.send", "bytes": data})


# Steering ---------------------------------------------------------------------------------------------------


async def steer(wanted: dict[str, Any]) -> dict[str, Any]:
    """Do what a test wants; what was seen so far."""
    global state
    if wanted.get("reset"):
        state = State()
    state.rate = wanted.get("rate", state.rate)
    state.signed_in = wanted.get("signed_in", state.signed_in)
    state.has_second_factor = wanted.get("second_factor", state.has_second_factor)
    state.refusal = wanted.get("refuse", state.refusal)
    state.refuse_sockets = wanted.get("refuse_sockets", state.refuse_sockets)
    state.data.role = wanted.get("role", state.data.role)
    if "namespaces" in wanted:
        state.data.set_namespaces(wanted["namespaces"])
    if wanted.get("quiet"):
        for namespace in state.data.namespaces.values():
            namespace["usage"] = None
    for message in wanted.get("emit", ()):
        for tail in tails:
            tail.extra.append(fake_data.given(message))
    for queue in controls:
        if "control" in wanted:
            queue.put_nowait(wanted["control"])
    for tail in list(tails):
        if "say" in wanted:
            await tail.say(wanted["say"])
        if "close" in wanted:
            await tail.send({"type": "websocket.close", "code": wanted["close"]})
    counters = [vars_of(tail.counters) for tail in tails]
    return state.seen | {"counters": counters}


def vars_of(counters: ViewCounters) -> dict[str, int]:
    return {name: getattr(counters, name) for name in ViewCounters.__slots__}


# HTTP -------------------------------------------------------------------------------------------------------


async def body_of(receive: Any) -> Any:
    raw = b""
    while True:
        event = await receive()
        raw += event.get("body", b"")
        if not event.get("more_body"):
            return json.loads(raw) if raw else {}


def template() -> str:
    text = (ROOT / "templates" / "console.html").read_text().replace("{% load static %}", "")
    return re.sub(r"\{% static '([^']+)' %\}", r"/static/\1", text)


def static_file(path: str) -> tuple[int, str, bytes]:
    file = (ROOT / path.lstrip("/")).resolve()
    if ROOT / "static" not in file.parents or not file.is_file():
        return 404, "text/plain", b""
    kind = {".js": "text/javascript", ".woff2": "font/woff2"}.get(file.suffix)
    return 200, kind or mimetypes.guess_type(file.name)[0] or "text/plain", file.read_bytes()


async def answer_for(method: str, path: str, receive: Any) -> tuple[int, str, bytes]:
    if path.startswith("/static/"):
        return static_file(path)
    if path == "/fake":
        return 200, "application/json", json.dumps(await steer(await body_of(receive))).encode()
    if path.startswith(("/api/", "/_allauth/")):
        status, data = state.data.answer(state, method, path, await body_of(receive))
        return status, "application/json", b"" if data is None else json.dumps(data).encode()
    return 200, "text/html; charset=utf-8", template().encode()


async def serve_http(scope: Any, receive: Any, send: Any) -> None:
    status, kind, data = await answer_for(scope["method"], scope["path"], receive)
    host = dict(scope["headers"])[b"host"].decode()
    headers = {
        "content-type": kind,
        "content-security-policy": fake_data.policy(host),
        "cache-control": "no-cache",
        "set-cookie": "csrftoken=fake; Path=/",
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": data})


# Sockets ----------------------------------------------------------------------------------------------------


async def serve_tail(receive: Any, send: Any) -> None:
    tail = Tail(send)
    tails.add(tail)
    running = asyncio.create_task(tail.run())
    try:
        while (event := await receive())["type"] != "websocket.disconnect":
            await tail.take(json.loads(event["text"]))
    finally:
        running.cancel()
        tails.discard(tail)


async def report(queue: "asyncio.Queue[dict[str, Any]]") -> None:
    while True:
        queue.put_nowait({"op": "servers", "servers": [fake_data.presence(state.rate)]})
        reports = {key: fake_data.usage(state.rate) for key in state.data.namespaces}
        queue.put_nowait({"op": "usage", "namespaces": reports})
        await asyncio.sleep(1)


async def forward(queue: "asyncio.Queue[dict[str, Any]]", send: Any) -> None:
    while True:
        await send({"type": "websocket.send", "text": json.dumps(await queue.get())})


async def serve_control(receive: Any, send: Any) -> None:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    queue.put_nowait({"op": "hello", "version": "fake"})
    controls.add(queue)
    running = [asyncio.create_task(report(queue)), asyncio.create_task(forward(queue, send))]
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        for task in running:
            task.cancel()
        controls.discard(queue)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await serve_http(scope, receive, send)
        return
    await receive()
    if state.refuse_sockets:
        await send({"type": "websocket.close", "code": 4503})
        return
    await send({"type": "websocket.accept"})
    serve = serve_control if scope["path"] == "/ws/control" else serve_tail
    await serve(receive, send)
