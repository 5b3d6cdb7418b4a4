"""Throughput: publishers send blocks of ready-made frames for a while, receivers count bytes.

One thread for each connection; nearly all of their time passes inside send and recv, where the
interpreter's lock is free. `ceiling` sends the same blocks over a bare loopback connection
and so shows how far the generator itself could go.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle

from tests.benchmarks import wire
from tests.support.servers import Server, ServerError

SUBJECT = b"bench.flow"
RANDOM_SUBJECTS = 100  # first tokens, and second tokens: 10,000 subjects
_TAIL = len(wire.END) + len(wire.PING)  # bytes in which the end is looked for
_SHUTDOWN_S = 2 * wire.IO_DEADLINE_S


@dataclass(frozen=True, slots=True)
class Flow:
    """What is sent to whom. `deliveries` is how many receivers each message reaches."""

    size: int
    publishers: int = 1
    subscribers: int = 1
    queue: bytes = b""
    tls: bool = False
    random_subjects: bool = False

    @property
    def deliveries(self) -> int:
        return min(1, self.subscribers) if self.queue else self.subscribers


@dataclass(slots=True)
class FlowResult:
    """Messages published; messages delivered, or published when nobody listens, per second; CPU."""

    published: int
    per_s: float
    cpu_s_per_million: float


class _Publisher(threading.Thread):
    """Sends whole blocks until the time is over, then waits until the server has read them all."""

    def __init__(self, sock: wire.Socket, blocks: list[tuple[bytes, int]], seconds: float) -> None:
        super().__init__(daemon=True)
        self.sock, self.blocks, self.seconds = sock, blocks, seconds
        self.published, self.ended_at = 0, 0.0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._publish()
        except (OSError, ServerError) as error:
            self.error = error

    def _publish(self) -> None:
        end = time.perf_counter() + self.seconds
        for data, count in cycle(self.blocks):
            self.sock.sendall(data)
            self.published += count
            if time.perf_counter() >= end:
                break
        self.sock.sendall(wire.PING)
        wire.await_pong(self.sock)
        self.ended_at = time.perf_counter()


class _Receiver(threading.Thread):
    """Counts bytes until `wire.END`."""

    def __init__(self, sock: wire.Socket) -> None:
        super().__init__(daemon=True)
        self.sock, self.received_bytes, self.ended_at = sock, 0, 0.0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._count()
        except (OSError, ServerError) as error:
            self.error = error

    def _count(self) -> None:
        view = memoryview(bytearray(wire.READ_BYTES))
        tail = b""
        while wire.END not in tail:
            size = self.sock.recv_into(view)
            if not size:
                raise ServerError("the server closed a receiver (slow consumer?)")
            self.received_bytes += size
            tail = (tail + bytes(view[max(0, size - _TAIL) : size]))[-_TAIL:]
        self.ended_at = time.perf_counter()

    def messages(self, frame_bytes: int) -> int:
        """Messages among the bytes; what is left over may only be the END and PINGs of the server."""
        messages, rest = divmod(self.received_bytes - len(wire.END), frame_bytes)
        if rest % len(wire.PING):
            raise ServerError(f"{rest} stray bytes behind {messages} messages")
        return messages


def measure(server: Server, flow: Flow, seconds: float) -> FlowResult:
    """Run one flow and check that nothing was lost or made up."""
    blocks, frame_bytes = _workload(flow)
    with ExitStack() as stack:
        receivers = [
            _Receiver(_receiver_socket(server, flow, stack)) for _ in range(flow.subscribers)
        ]
        sockets = [
            stack.enter_context(wire.connect(server, flow.tls)) for _ in range(flow.publishers)
        ]
        publishers = [_Publisher(sock, blocks, seconds) for sock in sockets]
        cpu_s, started_at = server.cpu_s(), time.perf_counter()
        _run(server, flow.tls, publishers, receivers)
        cpu_s = server.cpu_s() - cpu_s
    published = sum(publisher.published for publisher in publishers)
    messages = published * flow.deliveries
    _check(server, messages, sum(receiver.messages(frame_bytes) for receiver in receivers))
    ended_at = max([end.ended_at for end in publishers] + [end.ended_at for end in receivers])
    elapsed_s = ended_at - started_at
    return FlowResult(published, (messages or published) / elapsed_s, cpu_s / published * 1e6)


def _run(
    server: Server, tls: bool, publishers: list[_Publisher], receivers: list[_Receiver]
) -> None:
    for thread in (*receivers, *publishers):
        thread.start()
    for publisher in publishers:
        _join(publisher)
    finish(server, tls)
    for receiver in receivers:
        _join(receiver)


def finish(server: Server, tls: bool = False) -> None:
    """Tell all receivers that all is published."""
    with wire.connect(server, tls) as sock:
        sock.sendall(wire.publish(wire.END_SUBJECT, 0) + wire.PING)
        wire.await_pong(sock)


def _join(thread: _Publisher | _Receiver) -> None:
    thread.join(_SHUTDOWN_S)
    if thread.error is not None:
        raise ServerError(f"{type(thread).__name__.strip('_').lower()}: {thread.error}")
    if thread.is_alive():
        raise ServerError("the run did not end")


def _check(server: Server, expected: int, received: int) -> None:
    if received != expected:
        raise ServerError(f"{server.name} delivered {received} of {expected} messages")


def _workload(flow: Flow) -> tuple[list[tuple[bytes, int]], int]:
    """The blocks that each publisher sends in turn, and the length of one delivered message."""
    if not flow.random_subjects:
        frame_bytes = wire.delivered_bytes(SUBJECT, b"100", flow.size)
        return [wire.block(wire.publish(SUBJECT, flow.size))], frame_bytes
    frame_bytes = wire.delivered_bytes(_random_subject(0, 0), b"100", flow.size)
    rng = random.Random(1)
    return [_random_block(rng, flow.size) for _ in range(32)], frame_bytes


def _random_subject(first: int, second: int) -> bytes:
    return b"bench.%02d.%02d" % (first, second)


def _random_block(rng: random.Random, size: int) -> tuple[bytes, int]:
    count = wire.BLOCK_BYTES // size
    tokens = [
        (rng.randrange(RANDOM_SUBJECTS), rng.randrange(RANDOM_SUBJECTS)) for _ in range(count)
    ]
    return b"".join(wire.publish(_random_subject(*pair), size) for pair in tokens), count


def _receiver_socket(server: Server, flow: Flow, stack: ExitStack) -> wire.Socket:
    sock: wire.Socket = stack.enter_context(wire.connect(server, flow.tls))
    if flow.random_subjects:
        filters = [b"bench.%02d.*" % first for first in range(RANDOM_SUBJECTS)]
    else:
        filters = [SUBJECT]
    lines = [wire.subscribe(name, b"%d" % sid, flow.queue) for sid, name in enumerate(filters, 100)]
    lines.append(wire.subscribe(wire.END_SUBJECT, wire.END_SID))
    sock.sendall(b"".join(lines) + wire.PING)
    wire.await_pong(sock)
    return sock


def ceiling(size: int, seconds: float) -> float:
    """Messages a second that publisher and receiver threads move over loopback with no server between."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as near:
        far, _ = listener.accept()
        with far:
            return _ceiling(near, far, wire.block(wire.publish(SUBJECT, size)), seconds)


def _ceiling(
    near: wire.Socket, far: wire.Socket, block: tuple[bytes, int], seconds: float
) -> float:
    receiver = _Receiver(far)
    receiver.start()
    sender = _thread(lambda: _send_for(near, block[0], seconds))
    started_at = time.perf_counter()
    sender.join()
    near.sendall(wire.END)
    _join(receiver)
    messages = receiver.received_bytes // len(block[0]) * block[1]
    return messages / (receiver.ended_at - started_at)


def _thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _send_for(sock: wire.Socket, data: bytes, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sock.sendall(data)
