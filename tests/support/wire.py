"""A server without sockets: clients whose bytes go in and out by call, with a clock that moves when told."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.core.auth import Peer
from broker.core.client import Client
from broker.core.options import ServerOptions
from broker.core.server import Server

CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n'


@dataclass
class ManualClock:
    now_s: float = 1_790_000_000.0

    def wall_s(self) -> float:
        return self.now_s

    def monotonic_s(self) -> float:
        return self.now_s


@dataclass
class MemoryWire:
    """The network end of one client; ``written`` is everything that left it."""

    client: Client | None = None
    written: bytearray = field(default_factory=bytearray)
    ended: bool = False
    holds: int = 0

    def flush(self) -> None:
        if self.client is not None:
            outbound = self.client.outbound
            self.written += b"".join(outbound.take())
            if outbound.gate is not None:
                outbound.gate.drained()

    def finish(self) -> None:
        self.flush()
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1


class Wired:
    """``clients`` by the order of ``connect``; the seed decides which member of a queue group is asked.

    ``timers`` are the callbacks that wait for their time, with their seconds; a test calls them itself.
    """

    def __init__(self, options: ServerOptions | None = None, seed: int = 1) -> None:
        self.clock = ManualClock()
        self.server = Server(
            options or ServerOptions(), "N" * 56, clock=self.clock, random=random.Random(seed)
        )
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.server.later = lambda seconds, callback: self.timers.append((seconds, callback))

    def open(self) -> MemoryWire:
        """A client past INFO."""
        wire = MemoryWire()
        wire.client = self.server.accept(Peer("127.0.0.1", 1), wire)
        self.server.keeps_connection_limit(wire.client)
        self.take(wire)
        return wire

    def connect(self, connect: bytes = CONNECT) -> MemoryWire:
        """A client past INFO and its own CONNECT; nothing written is left over."""
        wire = self.open()
        self.send(wire, connect)
        self.take(wire)
        return wire

    def send(self, wire: MemoryWire, *blocks: bytes) -> bytes:
        """What the client was told by the end of the turn that followed the last block."""
        assert wire.client is not None
        for block in blocks:
            wire.client.receive(block)
        return self.take(wire)

    def take(self, wire: MemoryWire) -> bytes:
        self.server.flush()
        taken = bytes(wire.written)
        wire.written.clear()
        return taken
