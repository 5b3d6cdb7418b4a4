"""JetStream: publishes that wait for their acknowledgement, and consumers by pull and push.

Everything goes over raw sockets with ready-made frames, as in flow.py: replies are found by counting and by one regular
expression per read. Streams lie in files; what their acknowledgement is worth depends on the server, and is said with
the rows: ours is on disk, nats-server's isn't, unless its `sync_interval` is `always`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import inf

from tests.benchmarks import wire
from tests.support.servers import Server, ServerError

SIZE, IN_FLIGHT, BATCH = 128, 500, 1000
#: The last bytes of each payload, by which messages are counted, however they were cut.
_MARK = b"~~#\r\n"
_ACK_END = b"}\r\n"
_REPLY = re.compile(rb"\$JS\.ACK\.\S+")
PAYLOAD = b"x" * (SIZE - 3) + _MARK[:3]
_names = count()


def publish(
    server: Server, messages: int, seconds: float, in_flight: int = IN_FLIGHT
) -> dict[str, float]:
    """Messages a second that were acknowledged, with so many not acknowledged yet at a time."""
    with _stream(server) as (sock, stream):
        frames = _frames(stream, messages)
        started_at, cpu_s = time.perf_counter(), server.cpu_s()
        done = publish_window(sock, frames, in_flight, started_at + seconds)
        elapsed_s = time.perf_counter() - started_at
        return {"rate": done / elapsed_s, "cpu": (server.cpu_s() - cpu_s) / done * 1e6}


def fetch(server: Server, messages: int) -> dict[str, float]:
    """A durable pull consumer asked for BATCH at a time, each message acknowledged."""
    with _filled(server, messages) as (sock, stream):
        _create_consumer(sock, stream, {"ack_policy": "explicit", "max_ack_pending": -1})
        ask = _request(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.c", {"batch": BATCH}, b"_INBOX.j.x")
        started_at = time.perf_counter()
        for _ in range(0, messages, BATCH):
            sock.sendall(ask)
            _receive(sock, BATCH, acknowledge=True)
        _settle(sock)
        return {"rate": messages / (time.perf_counter() - started_at)}


def ordered(server: Server, messages: int) -> dict[str, float]:
    """What clients make for an ordered consumer: push, no acknowledgements, flow control, in memory."""
    config = {
        "ack_policy": "none", "max_deliver": 1, "flow_control": True, "idle_heartbeat": 5_000_000_000,
        "mem_storage": True, "num_replicas": 1, "inactive_threshold": 300_000_000_000,
    }  # fmt: skip
    return _push(server, messages, config, acknowledge=False)


def push(server: Server, messages: int) -> dict[str, float]:
    """A push consumer with an acknowledgement for each message."""
    return _push(
        server, messages, {"ack_policy": "explicit", "max_ack_pending": 10_000}, acknowledge=True
    )


def _push(
    server: Server, messages: int, config: dict[str, object], *, acknowledge: bool
) -> dict[str, float]:
    with _filled(server, messages) as (sock, stream):
        inbox = f"_INBOX.d.{stream}"
        sock.sendall(wire.subscribe(inbox.encode(), b"3"))
        started_at = time.perf_counter()
        _create_consumer(sock, stream, config | {"deliver_subject": inbox}, wait=False)
        _receive(sock, messages, acknowledge=acknowledge)
        _settle(sock)
        return {"rate": messages / (time.perf_counter() - started_at)}


def kv(server: Server, operations: int, seconds: float) -> dict[str, float]:
    """Puts with IN_FLIGHT on their way, then gets one at a time, of 1,000 keys."""
    more = {"max_msgs_per_subject": 1, "allow_direct": True, "allow_rollup_hdrs": True}
    with _stream(server, more, prefix="KV_B", subjects="$KV.B{}.>") as (sock, stream):
        bucket = stream.removeprefix("KV_")
        subjects = [f"$KV.{bucket}.key{n % 1000}".encode() for n in range(operations)]
        frames = [
            wire.publish_payload(s, PAYLOAD, b"_INBOX.j.%d" % n) for n, s in enumerate(subjects)
        ]
        started_at = time.perf_counter()
        done = publish_window(sock, frames, IN_FLIGHT, started_at + seconds)
        put = done / (time.perf_counter() - started_at)
        asks = [
            wire.publish_payload(
                b"$JS.API.DIRECT.GET.%b.%b" % (stream.encode(), s), b"", b"_INBOX.j.g"
            )
            for s in subjects[: operations // 10]
        ]
        started_at = time.perf_counter()
        for ask in asks:
            sock.sendall(ask)
            _receive(sock, 1, acknowledge=False)
        get = len(asks) / (time.perf_counter() - started_at)
    return {"put": put, "get": get}


# Parts ------------------------------------------------------------------------------------------------


@contextmanager
def _stream(
    server: Server,
    more: dict[str, object] | None = None,
    prefix: str = "BENCH",
    subjects: str = "bench{}.js",
) -> Iterator[tuple[wire.Socket, str]]:
    """A connection with its inbox subscribed, and a new stream that is deleted in the end."""
    number = next(_names)
    stream = f"{prefix}{number}"
    config = {"name": stream, "subjects": [subjects.format(number)], "storage": "file"} | (
        more or {}
    )
    with wire.connect(server) as sock:
        sock.sendall(wire.subscribe(b"_INBOX.j.*", b"1"))
        ask(sock, f"$JS.API.STREAM.CREATE.{stream}", config)
        yield sock, stream
        ask(sock, f"$JS.API.STREAM.DELETE.{stream}", {})


@contextmanager
def _filled(server: Server, messages: int) -> Iterator[tuple[wire.Socket, str]]:
    with _stream(server) as (sock, stream):
        publish_window(sock, _frames(stream, messages), BATCH)
        yield sock, stream


def _frames(stream: str, messages: int) -> list[bytes]:
    subject = b"bench%b.js" % stream.removeprefix("BENCH").encode()
    return [
        wire.publish_payload(subject, PAYLOAD, b"_INBOX.j.%d" % number)
        for number in range(messages)
    ]


def publish_window(
    sock: wire.Socket, frames: list[bytes], in_flight: int, until_s: float = inf
) -> int:
    """Publish the frames, or as many as there is time for; how many, all of them acknowledged."""
    sent = acknowledged = 0
    tail = b""
    while acknowledged < (len(frames) if time.perf_counter() < until_s else sent):
        until = min(len(frames), acknowledged + in_flight)
        if until > sent and time.perf_counter() < until_s:
            sock.sendall(b"".join(frames[sent:until]))
            sent = until
        data = tail + wire.receive(sock, wire.READ_BYTES)
        if b'"error"' in data:
            raise ServerError(f"a publish was refused: {data[-300:]!r}")
        acknowledged += data.count(_ACK_END)
        tail = data[-2:] if not data.endswith(_ACK_END) else b""
    return acknowledged


def _receive(sock: wire.Socket, messages: int, *, acknowledge: bool) -> None:
    """Count so many messages; acknowledge each, and answer flow control, as clients do."""
    tail = b""
    received = 0
    while received < messages:
        data = tail + wire.receive(sock, wire.READ_BYTES)
        whole = data.rfind(b"\r\n") + 2 if b"\r\n" in data else 0
        tail, data = data[whole:], data[:whole]
        received += data.count(_MARK)
        if acknowledge:
            answers = b"".join(b"PUB %b 4\r\n+ACK\r\n" % reply for reply in _REPLY.findall(data))
            if answers:
                sock.sendall(answers)
        for reply in re.findall(rb"\$JS\.FC\.\S+", data):
            sock.sendall(b"PUB %b 0\r\n\r\n" % reply)


def _settle(sock: wire.Socket) -> None:
    """All that was sent has been read by the server when this returns."""
    sock.sendall(wire.PING)
    wire.await_pong(sock)


def _create_consumer(
    sock: wire.Socket, stream: str, config: dict[str, object], *, wait: bool = True
) -> None:
    request = {"stream_name": stream, "config": {"durable_name": "c", "name": "c"} | config}
    subject = f"$JS.API.CONSUMER.CREATE.{stream}.c"
    if wait:
        ask(sock, subject, request)
    else:
        sock.sendall(wire.subscribe(b"_INBOX.none", b"2"))
        sock.sendall(_request(subject, request, b"_INBOX.none"))


def _request(subject: str, body: dict[str, object], reply: bytes) -> bytes:
    return wire.publish_payload(subject.encode(), json.dumps(body).encode(), reply)


def ask(sock: wire.Socket, subject: str, body: dict[str, object]) -> bytes:
    """A request of the API; what was received, up to its answer."""
    sock.sendall(_request(subject, body, b"_INBOX.j.a"))
    data = b""
    while not data.endswith(_ACK_END):
        data += wire.receive(sock, wire.READ_BYTES)
    if b'"error"' in data:
        raise ServerError(f"{subject}: {data[-300:]!r}")
    return data


def watch(sock: wire.Socket, stream: str, subjects: str, keys: int) -> float:
    """Seconds until the last value of each key was received, by what clients make for a watch."""
    inbox = f"_INBOX.d.{stream}"
    sock.sendall(wire.subscribe(inbox.encode(), b"3"))
    started_at = time.perf_counter()
    config = {
        "deliver_subject": inbox, "deliver_policy": "last_per_subject", "filter_subject": subjects,
        "ack_policy": "none", "max_deliver": 1, "flow_control": True, "idle_heartbeat": 5_000_000_000,
        "mem_storage": True, "num_replicas": 1,
    }  # fmt: skip
    _create_consumer(sock, stream, config, wait=False)
    _receive(sock, keys, acknowledge=False)
    return time.perf_counter() - started_at
