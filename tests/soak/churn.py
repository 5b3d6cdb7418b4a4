"""Five hundred restless connections beside a steady flow that loses no message.

Each restless client connects, subscribes, publishes, goes silent without reading (a slow consumer in the
making), closes, or dies with a reset, at random. The steady flow is numbered: its receiver insists on
every number, in order. Memory is read at the end of each tenth of the run.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.support.servers import Server

CONNECT = b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'
CONFIG = "max_pending: 1MB\nwrite_deadline: 2s"
NOISE = b"PUB soak.noise.%d 1024\r\n" + b"n" * 1024 + b"\r\n"
STEADY_PER_S = 2000
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Churn:
    """Counters of one run; `flow_gap_ms_max` is the longest that the steady receiver waited for a message."""

    connects: int = 0
    refused: int = 0
    stalls: int = 0
    cut_off: int = 0
    deaths: int = 0
    steady_sent: int = 0
    steady_received: int = 0
    flow_gap_ms_max: float = 0.0
    rss_mib: list[float] = field(default_factory=list)


async def run(server: Server, seconds: float, restless: int = 500, seed: int = 1) -> Churn:
    """Run the churn; raises AssertionError at the first number of the steady flow that isn't the next one."""
    churn, end = Churn(), time.monotonic() + seconds
    receiver = await asyncio.open_connection("127.0.0.1", server.port)
    receiver[1].write(CONNECT + b"SUB soak.steady 1\r\nPING\r\n")
    await receiver[0].readuntil(b"PONG\r\n")
    noisy = [
        asyncio.create_task(_restless(server, churn, end, seed * 1000 + n)) for n in range(restless)
    ]
    sampling = asyncio.create_task(_sample_memory(server, churn, seconds))
    receiving = asyncio.create_task(_receive_steady(receiver[0], receiver[1], churn))
    await _send_steady(server, churn, end)
    await asyncio.gather(*noisy, sampling)
    await asyncio.wait_for(receiving, 30)
    churn.rss_mib.append(server.settled_rss_bytes() / 2**20)
    return churn


async def _sample_memory(server: Server, churn: Churn, seconds: float) -> None:
    for _ in range(10):
        await asyncio.sleep(seconds / 10)
        churn.rss_mib.append(server.rss_bytes() / 2**20)


async def _send_steady(server: Server, churn: Churn, end: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answering = asyncio.create_task(_answer_pings(reader, writer))
    writer.write(CONNECT)
    started = time.monotonic()
    while time.monotonic() < end:
        due = int((time.monotonic() - started) * STEADY_PER_S)
        for number in range(churn.steady_sent, due):
            writer.write(b"PUB soak.steady 12\r\n%012d\r\n" % number)
        churn.steady_sent = max(due, churn.steady_sent)
        await writer.drain()
        await asyncio.sleep(0.01)
    writer.write(b"PUB soak.steady 12\r\n%012d\r\n" % 10**11)
    await writer.drain()
    answering.cancel()


async def _answer_pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        assert not line.startswith(b"-ERR"), line
        if line == b"PING\r\n":
            writer.write(b"PONG\r\n")


async def _receive_steady(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, churn: Churn
) -> None:
    """Take numbers in order until the closing one."""
    last = time.monotonic()
    while True:
        line = await reader.readline()
        if line == b"PING\r\n":
            writer.write(b"PONG\r\n")
            continue
        assert line == b"MSG soak.steady 1 12\r\n", f"the steady receiver was told {line!r}"
        number, now = int(await reader.readexactly(14)), time.monotonic()
        churn.flow_gap_ms_max = max(churn.flow_gap_ms_max, (now - last) * 1000)
        last = now
        if number == 10**11:
            assert churn.steady_received == churn.steady_sent
            return
        assert number == churn.steady_received, f"{number} came after {churn.steady_received - 1}"
        churn.steady_received += 1


async def _restless(server: Server, churn: Churn, end: float, seed: int) -> None:
    rng = random.Random(seed)
    await asyncio.sleep(rng.random() * 2)
    while time.monotonic() < end:
        try:
            await _live(server, churn, end, rng)
        except (ConnectionError, asyncio.IncompleteReadError):
            churn.refused += 1
        await asyncio.sleep(rng.random() * 0.5)


async def _live(server: Server, churn: Churn, end: float, rng: random.Random) -> None:
    """One life: sign in, some acts, one of three ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
    churn.connects += 1
    writer.write(CONNECT + b"SUB soak.noise.%d 1\r\nPING\r\n" % rng.randrange(20))
    reading = asyncio.create_task(_swallow(reader))
    try:
        for _ in range(rng.randrange(1, 6)):
            if time.monotonic() < end and not reading.done():
                await _act(writer, rng)
        if rng.random() < 0.15 and time.monotonic() < end:
            await _stall(server, churn, end, rng)
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await reading
        _end(writer, churn, rng)


async def _act(writer: asyncio.StreamWriter, rng: random.Random) -> None:
    number = rng.randrange(20)
    writer.write(
        rng.choice(
            [
                NOISE % number,
                b"SUB soak.noise.%d q%d %d\r\n" % (number, number % 3, rng.randrange(2, 50)),
                b"UNSUB %d\r\n" % rng.randrange(1, 50),
                b"PUB soak.noise.%d _INBOX.%d 0\r\n\r\n" % (number, number),
                b"PUB soak.nobody _INBOX.x 2\r\nhi\r\n",
            ]
        )
    )
    await asyncio.sleep(rng.random())


async def _stall(server: Server, churn: Churn, end: float, rng: random.Random) -> None:
    """Subscribe to all the noise through a small window, make more of it than fits, and read nothing."""
    churn.stalls += 1
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
        await asyncio.get_running_loop().sock_sendall(sock, CONNECT + b"SUB soak.noise.> 1\r\n")
        await _shout(server, rng)
        await asyncio.sleep(min(rng.random() * 6, max(0.0, end - time.monotonic())))
        with suppress(ConnectionError, BlockingIOError):
            for _ in range(3):
                sock.send(b"PING\r\n")
                await asyncio.sleep(0.05)
            return
        churn.cut_off += 1


async def _shout(server: Server, rng: random.Random) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    swallowing = asyncio.create_task(_swallow(reader))
    writer.write(CONNECT)
    for _ in range(20):
        writer.write(NOISE % rng.randrange(20) * 100)
        await writer.drain()
    swallowing.cancel()
    writer.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _end(writer: asyncio.StreamWriter, churn: Churn, rng: random.Random) -> None:
    if rng.random() < 0.4:
        churn.deaths += 1
        sock = writer.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()
