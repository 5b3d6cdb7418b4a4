"""What many stored messages and many keys cost: memory of each, and how long until a restarted server answers for them.

The server is ended with SIGTERM and started again, and has opened the stream when it says how many messages it has.
Memory is what the process has grown by, so nats-server's counts what it caches.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import jetstream, wire
from tests.support.servers import Server, ServerError

_BATCH = 50_000
_SUBJECTS = 100


def messages(server: Server, count: int) -> dict[str, float]:
    """A stream of so many messages in files."""
    config = {"name": "BIG", "subjects": ["big.*"], "storage": "file"}
    frames = [
        wire.publish(b"big.%d" % (n % _SUBJECTS), jetstream.SIZE, b"_INBOX.j.%d" % n)
        for n in range(_BATCH)
    ]
    with _made(server, config) as sock:
        before = server.settled_rss_bytes()
        for _ in range(0, count, _BATCH):
            jetstream.publish_window(sock, frames, jetstream.BATCH)
        kept = (server.settled_rss_bytes() - before) / count
    open_s = _reopened(server, "BIG", count)
    _delete(server, "BIG")
    return {"open": open_s, "bytes": kept}


def keys(server: Server, count: int) -> dict[str, float]:
    """A bucket of so many keys, each put once, and a watch of all of them."""
    config = {
        "name": "KV_BIG", "subjects": ["$KV.BIG.>"], "storage": "file", "max_msgs_per_subject": 1,
        "allow_direct": True, "allow_rollup_hdrs": True, "discard": "new", "deny_delete": True,
    }  # fmt: skip
    with _made(server, config) as sock:
        before, put_s = server.settled_rss_bytes(), 0.0
        for first in range(0, count, _BATCH):
            frames = [
                wire.publish_payload(
                    b"$KV.BIG.user.%d.name" % n, jetstream.PAYLOAD, b"_INBOX.j.%d" % (n % _BATCH)
                )
                for n in range(first, first + _BATCH)
            ]
            started_at = time.perf_counter()
            jetstream.publish_window(sock, frames, jetstream.IN_FLIGHT)
            put_s += time.perf_counter() - started_at
        kept = (server.settled_rss_bytes() - before) / count
        watch_s = jetstream.watch(sock, "KV_BIG", "$KV.BIG.>", count)
    open_s = _reopened(server, "KV_BIG", count)
    _delete(server, "KV_BIG")
    return {"put": count / put_s, "watch": count / watch_s, "bytes": kept, "open": open_s}


@contextmanager
def _made(server: Server, config: dict[str, object]) -> Iterator[wire.Socket]:
    with wire.connect(server) as sock:
        sock.sendall(wire.subscribe(b"_INBOX.j.*", b"1"))
        jetstream.ask(sock, f"$JS.API.STREAM.CREATE.{config['name']}", config)
        yield sock


def _delete(server: Server, stream: str) -> None:
    with wire.connect(server) as sock:
        sock.sendall(wire.subscribe(b"_INBOX.j.*", b"1"))
        jetstream.ask(sock, f"$JS.API.STREAM.DELETE.{stream}", {})


def _reopened(server: Server, stream: str, count: int) -> float:
    """Seconds from the start of the process until it says what is in the stream."""
    server.stop()
    started_at = time.perf_counter()
    server.start()
    with wire.connect(server) as sock:
        sock.sendall(wire.subscribe(b"_INBOX.j.*", b"1"))
        answer = jetstream.ask(sock, f"$JS.API.STREAM.INFO.{stream}", {})
    took_s = time.perf_counter() - started_at
    found = json.loads(answer[answer.index(b"{") :])["state"]["messages"]
    if found != count:
        raise ServerError(f"{found} of {count} messages are there after the restart")
    return took_s
