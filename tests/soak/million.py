"""A million subscriptions on 9,000 connections: every one of a sample of subjects still finds its receiver."""

from __future__ import annotations

import random
import selectors
import time
from contextlib import ExitStack
from dataclasses import dataclass

from tests.benchmarks import wire
from tests.support.servers import Server, ServerError

BATCH = 100


@dataclass(slots=True)
class Million:
    """Figures of one run."""

    connections: int
    subscriptions: int
    connect_s: float
    subscribe_s: float
    rss_mib: float
    delivered: int
    publish_s: float


def run(server: Server, connections: int, subscriptions: int, samples: int) -> Million:
    """Subscribe, then publish `samples` times to a random subscription's subject and await each message."""
    with ExitStack() as stack:
        started = time.perf_counter()
        sockets = _connect(server, connections, stack)
        connected = time.perf_counter()
        each = subscriptions // connections
        for number, sock in enumerate(sockets):
            _subscribe(sock, number, each)
        subscribed, rss_mib = time.perf_counter(), server.settled_rss_bytes() / 2**20
        begun = time.perf_counter()
        delivered = _publish(server, sockets, each, samples)
        publish_s = time.perf_counter() - begun
    connect_s, subscribe_s = connected - started, subscribed - connected
    return Million(
        connections, each * connections, connect_s, subscribe_s, rss_mib, delivered, publish_s
    )


def _connect(server: Server, connections: int, stack: ExitStack) -> list[wire.Socket]:
    sockets: list[wire.Socket] = []
    while len(sockets) < connections:
        batch = [
            stack.enter_context(wire.dial(server))
            for _ in range(min(BATCH, connections - len(sockets)))
        ]
        for sock in batch:
            sock.sendall(wire.CONNECT + wire.PING)
        for sock in batch:
            wire.await_pong(sock)
        sockets += batch
    return sockets


def _subject(connection: int, number: int) -> bytes:
    return b"million.%05d.%03d.data" % (connection, number)


def _subscribe(sock: wire.Socket, connection: int, each: int) -> None:
    """Every tenth subscription has a wildcard for its last token."""
    lines = [
        wire.subscribe(
            _subject(connection, n)[:-4] + (b"*" if n % 10 == 0 else b"data"), b"%03d" % n
        )
        for n in range(each)
    ]
    sock.sendall(b"".join(lines) + wire.PING)
    wire.await_pong(sock)


def _publish(server: Server, sockets: list[wire.Socket], each: int, samples: int) -> int:
    rng = random.Random(3)
    wanted = [(rng.randrange(len(sockets)), rng.randrange(each)) for _ in range(samples)]
    with wire.connect(server) as publisher:
        publisher.sendall(
            b"".join(wire.publish(_subject(*pair), 16) for pair in wanted) + wire.PING
        )
        wire.await_pong(publisher)
    size = wire.delivered_bytes(_subject(0, 0), b"000", 16)
    return _count(sockets, samples * size) // size


def _count(sockets: list[wire.Socket], expected: int) -> int:
    """Read from every socket until the expected bytes are there."""
    received, end = 0, time.monotonic() + 60
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        while received < expected and time.monotonic() < end:
            for key, _ in selector.select(1):
                received += len(wire.receive(key.fileobj, 65536).replace(wire.PING, b""))  # type: ignore[arg-type]
    if received != expected:
        raise ServerError(f"{received} of {expected} bytes arrived")
    return received
