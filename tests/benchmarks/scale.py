"""What size costs: memory of idle connections, and matching in tables of up to a million subscriptions."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.benchmarks import wire
from tests.benchmarks.flow import _Receiver, finish
from tests.support.servers import Server, ServerError

CONNECT_BATCH = 100  # connections opened before their PONGs are awaited; below any listen backlog
_SID = b"%07d"


def idle_kib(server: Server, connections: int) -> float:
    """KiB of resident memory for each idle connection with two subscriptions."""
    with ExitStack() as stack:
        _idle(
            server, CONNECT_BATCH, 0, stack
        )  # what the first connections cost once, is not counted
        before = server.settled_rss_bytes()
        _idle(server, connections, CONNECT_BATCH, stack)
        return (server.settled_rss_bytes() - before) / connections / 1024


def _idle(server: Server, connections: int, start: int, stack: ExitStack) -> None:
    for first in range(start, start + connections, CONNECT_BATCH):
        numbers = range(first, min(first + CONNECT_BATCH, start + connections))
        sockets = [stack.enter_context(wire.dial(server)) for _ in numbers]
        for number, sock in zip(numbers, sockets, strict=True):
            lines = [wire.subscribe(b"idle.%d.%s" % (number, name), name) for name in (b"1", b"2")]
            sock.sendall(wire.CONNECT + b"".join(lines) + wire.PING)
        for sock in sockets:
            wire.await_pong(sock)


def table(server: Server, subscriptions: int, publishes: int) -> dict[str, float]:
    """Cost of a table of subscriptions: to fill it, to keep it, and to match subjects never seen before.

    Half of the table is literal subjects, half `match.*.<n>`. Each message has a subject of its own, so no
    cache of results can answer, and matches exactly one wildcard subscription.
    """
    with wire.connect(server) as sock:
        rss_bytes, started_at = server.settled_rss_bytes(), time.perf_counter()
        _subscribe_all(sock, subscriptions)
        subscribe_us = (time.perf_counter() - started_at) / subscriptions * 1e6
        kept_bytes = (server.settled_rss_bytes() - rss_bytes) / subscriptions
        sock.sendall(wire.subscribe(wire.END_SUBJECT, wire.END_SID))
        with _counting(server, sock, publishes):
            match_us = _publish_all(server, subscriptions, publishes)
    return {"subscribe": subscribe_us, "match": match_us, "bytes": kept_bytes}


def _subscribe_all(sock: wire.Socket, subscriptions: int) -> None:
    for first in range(0, subscriptions, 2000):
        numbers = range(first, min(first + 2000, subscriptions))
        sock.sendall(b"".join(wire.subscribe(_filter(number), _SID % number) for number in numbers))
    sock.sendall(wire.PING)
    wire.await_pong(sock)


def _filter(number: int) -> bytes:
    return b"match.*.%07d" % number if number % 2 else b"match.%07d.%07d" % (number, number)


def _publish_all(server: Server, subscriptions: int, publishes: int) -> float:
    rng = random.Random(2)
    frames = b"".join(
        wire.publish(
            b"match.%07d.%07d" % (rng.randrange(10**7), rng.randrange(subscriptions) | 1), 16
        )
        for _ in range(publishes)
    )
    with wire.connect(server) as sock:
        started_at = time.perf_counter()
        sock.sendall(frames + wire.PING)
        wire.await_pong(sock)
        return (time.perf_counter() - started_at) / publishes * 1e6


def _frame_bytes() -> int:
    return wire.delivered_bytes(b"match.%07d.%07d" % (0, 0), _SID % 0, 16)


@contextmanager
def _counting(server: Server, sock: wire.Socket, expected: int) -> Iterator[None]:
    """Count what arrives meanwhile, and at the end insist on every message."""
    receiver = _Receiver(sock)
    receiver.start()
    yield
    finish(server)
    receiver.join()
    if receiver.error is not None:
        raise ServerError(f"receiver: {receiver.error}")
    if (received := receiver.messages(_frame_bytes())) != expected:
        raise ServerError(f"{received} of {expected} messages arrived")
