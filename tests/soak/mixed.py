"""Mixed load, round after round, and what the server holds afterwards: nothing may have become more.

A round is what a busy second brings: connections that subscribe and publish and close or die, requests with and without
an answer, and on streams in memory and on disk publishes, pulls, acknowledgements, ephemeral consumers, reads and
deletes. Every hundredth the streams go and come back. What is left is the same after each, so the counts of Python's
allocated blocks and of objects by type, and resident memory, are compared after a warm-up and at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import struct
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import NoRespondersError

from tests.support.servers import Contender, Server, running
from tests.support.wait import wait_until

OBSERVED = Contender("ours", (sys.executable, "-m", "tests.soak.observed"))
LIVES = 20
#: Rounds after which the streams are made anew.
RENEWED = 100
MESSAGES = 50
#: More of a type than this after the warm-up is growth: rounds don't end at the very same moment.
SLACK = 100
_RESET = struct.pack("ii", 1, 0)
_CONNECT = b'CONNECT {"verbose":false,"headers":true,"no_responders":true,"name":"life"}\r\n'


@dataclass(slots=True)
class Held:
    """What the server held at one moment."""

    rss_kib: int
    blocks: int
    objects: dict[str, int]


@dataclass(slots=True)
class Mixed:
    """Figures of one run; ``grown`` are types of which there were more at the end than after the warm-up."""

    rounds: int = 0
    lives: int = 0
    messages: int = 0
    rss_kib: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    grown: dict[str, int] = field(default_factory=dict)


def run(rounds: int, seed: int) -> Mixed:
    """Raises whatever goes wrong; ``grown`` is the judgement."""
    with tempfile.TemporaryDirectory(prefix="mixed-") as name:
        into = Path(name, "observed.json")
        os.environ["OBSERVED_INTO"] = str(into)
        config = f'max_closed_clients: 100\njetstream: {{store_dir: "{name}/store"}}'
        with running(OBSERVED, config) as server:
            return asyncio.run(_rounds(server, into, rounds, random.Random(seed)))


async def _rounds(server: Server, into: Path, rounds: int, rng: random.Random) -> Mixed:
    mixed = Mixed()
    client = await nats.connect(server.url, allow_reconnect=False)
    every = max(1, rounds // 10 // RENEWED) * RENEWED
    warm = 2 * every
    after_warm_up: Held | None = None
    held = hold(server, into)
    for number in range(warm + rounds):
        if number % RENEWED == 0:
            await _renew_streams(client)
        await asyncio.gather(*(asyncio.to_thread(live, server, rng.random()) for _ in range(LIVES)))
        mixed.messages += await _talk(client, number)
        mixed.lives += LIVES
        if number + 1 >= warm and (number + 1) % every == 0:
            await _renew_streams(client)
            held = await asyncio.to_thread(hold, server, into)
            mixed.rss_kib.append(held.rss_kib)
            mixed.blocks.append(held.blocks)
            after_warm_up = after_warm_up or held
    mixed.rounds = rounds
    assert after_warm_up is not None, "fewer rounds than the warm-up takes"
    before = after_warm_up.objects
    grown = {kind: count - before.get(kind, 0) for kind, count in held.objects.items()}
    mixed.grown = {kind: more for kind, more in grown.items() if more > SLACK}
    await client.close()
    return mixed


def hold(server: Server, into: Path) -> Held:
    assert server.process is not None
    into.unlink(missing_ok=True)
    server.process.send_signal(signal.SIGRTMIN)
    wait_until(into.exists, "what the server holds")
    observed: dict[str, Any] = json.loads(into.read_text())
    return Held(server.rss_bytes() // 1024, observed["blocks"], observed["objects"])


def live(server: Server, chance: float) -> None:
    """One connection: it subscribes, publishes to itself and to nobody, and closes, dies, or breaks the rules."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        subjects = b"".join(
            b"SUB life.%d.* %d\r\nSUB life.> group %d\r\n" % (n, n, 100 + n) for n in range(5)
        )
        publishes = b"".join(
            b"PUB life.%d.x reply.%d 4\r\nabcd\r\n" % (n % 5, n) for n in range(20)
        )
        sock.sendall(_CONNECT + subjects + publishes + b"UNSUB 1\r\nUNSUB 2 3\r\nPING\r\n")
        told = b""
        while b"PONG\r\n" not in told and (more := sock.recv(65536)):
            told = told[-8:] + more
        if chance < 0.3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif chance < 0.4:
            with suppress(ConnectionError):
                sock.sendall(b"PUB life.1 9999999999\r\n")
                while sock.recv(65536):
                    pass


async def _renew_streams(client: Client) -> None:
    manager = client.jsm()
    for name, storage in (("DISK", "file"), ("MEMORY", "memory")):
        with suppress(nats.js.errors.NotFoundError):
            await manager.delete_stream(name)
        subjects = [f"{name.lower()}.>"]
        await manager.add_stream(name=name, subjects=subjects, storage=storage, max_msgs=500)


async def _talk(client: Client, number: int) -> int:
    """Requests, and both streams; how many messages went."""
    sub = await client.subscribe("service", cb=_answer)
    await asyncio.gather(*(client.request("service", b"x", timeout=10) for _ in range(10)))
    await sub.unsubscribe()
    with suppress(NoRespondersError):
        await client.request(f"nobody.{number}", b"x", timeout=10)
    stream, manager = client.jetstream(), client.jsm()
    for name in ("disk", "memory"):
        publishes = (
            stream.publish(f"{name}.{n % 7}.{number}", b"x" * 100) for n in range(MESSAGES)
        )
        acks = await asyncio.gather(*publishes)
        pull = await stream.pull_subscribe(f"{name}.>", stream=name.upper())
        for message in await pull.fetch(MESSAGES, timeout=10):
            await message.ack()
        await manager.get_msg(name.upper(), acks[0].seq)
        await manager.delete_msg(name.upper(), acks[1].seq)
        info = await pull.consumer_info()
        await pull.unsubscribe()
        await manager.delete_consumer(name.upper(), info.name)
    return 2 * MESSAGES + LIVES * 20


async def _answer(message: nats.aio.msg.Msg) -> None:
    await message.respond(b"y")
