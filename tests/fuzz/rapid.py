"""Millions of conversations with the data path itself: python -m tests.fuzz.rapid [--inputs N] [--seed S]

Without sockets. Three servers in this process, a plain one, one with tight limits, one with mappings and permissions,
are sent nearly right bytes, cut anywhere, each read into one buffer that is overwritten afterwards. A bystander's own
message must come back after each conversation, what a stranger is told must be whole frames, and nothing of a stranger
may stay: neither clients nor subscriptions, nor memory. Whichever build is installed is tested;
``tests/fuzz/sanitized.py`` runs this under AddressSanitizer. Ends with status 1 when memory grew; whatever breaks is
printed with the input that did it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from broker import builds
from broker.core.options import ServerOptions
from broker.core.permissions import Permissions, ResponsePermission
from broker.protocol.mapping import Destination
from tests.fuzz import frames
from tests.fuzz.conversations import (
    CONNECTS,
    ENDS,
    HEADERS,
    NUMBERS,
    OPERATIONS,
    SEPARATORS,
    SUBJECTS,
)
from tests.support.wire import Wired

#: Resident memory may grow by this after the first tenth of a campaign.
GROWTH_BYTES_MAX = 16 * 1024 * 1024
_PLAIN = ServerOptions(max_closed_clients=100)
_TIGHT = ServerOptions(
    max_control_line=128,
    max_payload=64,
    max_pending=4096,
    max_subscriptions=4,
    max_subscription_tokens=4,
    max_closed_clients=100,
)
_PERMISSIONS = Permissions(
    (b"a.>", b"fuzz.*", b"bystander"),
    (b"a.b",),
    (b">",),
    (b"a.b", b"a.> workers"),
    ResponsePermission(2, 5.0),
)


class World:
    """One server, its bystander, and strangers one after the other."""

    def __init__(self, rng: random.Random, options: ServerOptions, *, ruled: bool) -> None:
        self._rng = rng
        self._wired = Wired(options)
        self._ruled = ruled
        self._neighbour = self._wired.connect()
        self._wired.send(self._neighbour, b"SUB bystander 1\r\n")
        self._shared = bytearray(512 * 1024)
        self._number = 0
        if ruled:
            account = self._wired.server.global_account
            account.set_mappings(
                {b"a": [Destination(b"a.c", 60)], b"fuzz.*": [Destination(b"fuzz.$1.x", 100)]}
            )

    def conversation(self, data: bytes) -> None:
        """Raises AssertionError, or whatever the server did."""
        stranger = self._wired.open()
        assert stranger.client is not None
        if self._ruled:
            stranger.client.set_permissions(_PERMISSIONS)
        told = b""
        for piece in self._cut(data):
            if stranger.client.closed:
                break
            self._shared[: len(piece)] = piece
            view = memoryview(self._shared)[: len(piece)]
            stranger.client.receive(view)
            self._shared[: len(piece)] = b"\xaa" * len(piece)
            if self._rng.random() < 0.5:
                told += self._wired.take(stranger)
        told += self._wired.take(stranger)
        frames.check(told, complete=False)
        self._check_neighbour()
        if not stranger.client.closed:
            stranger.client.close("Client Closed")
        self._check_nothing_left()

    def _cut(self, data: bytes) -> list[bytes]:
        if self._rng.random() < 0.3:
            return [data]
        cuts = sorted(self._rng.randrange(len(data) + 1) for _ in range(self._rng.randrange(1, 6)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]

    def _check_neighbour(self) -> None:
        self._number += 1
        payload = b"%010d" % self._number
        self._wired.take(self._neighbour)
        told = self._wired.send(self._neighbour, b"PUB bystander 10\r\n%b\r\n" % payload)
        assert told == b"MSG bystander 1 10\r\n%b\r\n" % payload, told

    def _check_nothing_left(self) -> None:
        server = self._wired.server
        assert list(server.clients.values()) == [self._neighbour.client]
        assert len(server.global_account.sublist) == 1


def frame(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.35:
        payload = rng.randbytes(rng.randrange(40))
        size = max(0, len(payload) + rng.choice((0, 0, 0, 0, 0, 0, -1, 1, 5)))
        reply = rng.choice(SUBJECTS) + b" " if rng.random() < 0.4 else b""
        return b"PUB %b %b%d\r\n%b\r\n" % (rng.choice(SUBJECTS), reply, size, payload)
    if kind < 0.5:
        header, payload = rng.choice(HEADERS), rng.randbytes(rng.randrange(40))
        header_size = max(0, len(header) + rng.choice((0, 0, 0, 0, -1, 1, 100)))
        words = rng.choice(SUBJECTS), header_size, len(header) + len(payload), header, payload
        return b"HPUB %b %d %d\r\n%b%b\r\n" % words
    if kind < 0.75:
        sid = rng.choice((b"1", b"2", b"sid", b"\xff"))
        if rng.random() < 0.3:
            return b"UNSUB %b %b\r\n" % (sid, rng.choice(NUMBERS))
        queue = rng.choice((b"", b"", b"workers ", b"* ", b"q.q "))
        return b"SUB %b %b%b\r\n" % (rng.choice(SUBJECTS), queue, sid)
    if kind < 0.85:
        return rng.choice((b"PING\r\n", b"PONG\r\n", b"PING extra\r\n", b"+OK\r\n", b"INFO {}\r\n"))
    if kind < 0.97:
        words = [rng.choice(OPERATIONS)]
        words += [rng.choice(rng.choice((SUBJECTS, NUMBERS))) for _ in range(rng.randrange(5))]
        return b"".join(word + rng.choice(SEPARATORS) for word in words) + rng.choice(ENDS)
    return rng.randbytes(rng.randrange(30))


def conversation(rng: random.Random) -> bytes:
    """After a CONNECT of some kind; equal publishes in a row take shortcuts of their own."""
    parts = [rng.choice(CONNECTS[:3] if rng.random() < 0.8 else CONNECTS)]
    for _ in range(rng.randrange(8)):
        parts.append(frame(rng) * (rng.randrange(2, 40) if rng.random() < 0.1 else 1))
    data = bytearray(b"".join(parts))
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
    return bytes(data)


def campaign(inputs: int, seed: int) -> int:
    """Bytes that resident memory grew by; what broke it is printed before it is raised."""
    rng = random.Random(seed)
    worlds = [
        World(rng, _PLAIN, ruled=False),
        World(rng, _TIGHT, ruled=False),
        World(rng, _PLAIN, ruled=True),
    ]
    before = 0
    for number in range(inputs):
        if number == inputs // 10:
            before = resident_bytes()
        data = conversation(rng)
        try:
            rng.choice(worlds).conversation(data)
        except BaseException:
            print(f"input {number} of seed {seed}: {data!r}", file=sys.stderr)
            raise
    return resident_bytes() - before


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="rapid", description="Hostile bytes on the data path.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    grown = campaign(options.inputs, options.seed)
    print(
        f"{options.inputs} inputs, seed {options.seed}, {builds.description}: "
        f"{time.perf_counter() - began:.0f} s, {grown / 1024:.0f} KiB grown"
    )
    return 1 if grown > GROWTH_BYTES_MAX else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
