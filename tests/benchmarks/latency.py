"""Request and reply, one request at a time: the responder is a process of its own.

Each request names a fresh inbox below a wildcard subscription, as the client libraries do, so that a
server can't answer from the match of the request before.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

from tests.benchmarks import wire
from tests.support.servers import Server

SERVICE, SIZE = b"bench.service", 16
WARM_UP = 300


def measure(server: Server, requests: int) -> dict[str, float]:
    """p50 and p99 of the round trip in microseconds."""
    fork = multiprocessing.get_context("fork")
    ready, started = fork.Pipe()
    responder = fork.Process(
        target=_respond, args=(server, started, requests + WARM_UP), daemon=True
    )
    responder.start()
    ready.recv()
    try:
        with wire.connect(server) as sock:
            times_us = _ask(sock, requests + WARM_UP)[WARM_UP:]
    finally:
        responder.terminate()
        responder.join()
    quantiles = statistics.quantiles(times_us, n=100)
    return {"p50": quantiles[49], "p99": quantiles[98]}


def _ask(sock: wire.Socket, requests: int) -> list[float]:
    sock.sendall(wire.subscribe(b"_INBOX.bench.*", b"1") + wire.PING)
    wire.await_pong(sock)
    answer_bytes = wire.delivered_bytes(_inbox(0), b"1", SIZE)
    times_us = []
    for number in range(requests):
        frame = wire.publish(SERVICE, SIZE, _inbox(number))
        sent_at = time.perf_counter_ns()
        sock.sendall(frame)
        _receive_frame(sock, answer_bytes)
        times_us.append((time.perf_counter_ns() - sent_at) / 1000)
    return times_us


def _inbox(number: int) -> bytes:
    return b"_INBOX.bench.%08d" % number


def _receive_frame(sock: wire.Socket, size: int) -> bytes:
    """One MSG of known length; a PING of the server before it is dropped, never part of it."""
    data = b""
    while len(data) < size:
        data = (data + wire.receive(sock, 4096)).removeprefix(wire.PING)
    return data


def _respond(server: Server, started: Connection, requests: int) -> None:
    request_bytes = len(b"MSG %b 1 %b %d\r\n" % (SERVICE, _inbox(0), SIZE)) + SIZE + 2
    with wire.connect(server) as sock:
        sock.sendall(wire.subscribe(SERVICE, b"1") + wire.PING)
        wire.await_pong(sock)
        started.send(True)
        for _ in range(requests):
            frame = _receive_frame(sock, request_bytes)
            sock.sendall(wire.publish(frame.split(b" ", 4)[3], SIZE))
