"""Is a program answering? One question each, asked again until the deadline.

A probe returns when the program answered as it should and raises ``NotReady`` (or OSError) when it didn't.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

Probe = Callable[[], Awaitable[None]]

_PROBE_TIMEOUT_S = 2.0
_INTERVAL_S = 0.05


class NotReady(Exception):
    """The program answered, but not as it does when it is ready; the text is what it said."""


async def until_ready(probe: Probe) -> None:
    """Ask until the answer is yes; the caller sets the deadline with ``asyncio.timeout``."""
    while True:
        with suppress(NotReady, OSError, TimeoutError, ValueError):  # ValueError: a line too long
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                return await probe()
        await asyncio.sleep(_INTERVAL_S)


def reachable(host: str) -> str:
    """Where a listener on ``host`` can be reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def in_url(host: str) -> str:
    """IPv6 addresses stand in brackets."""
    return f"[{host}]" if ":" in host else host


def nats_probe(host: str, port: int) -> Probe:
    """A NATS server speaks first: ``INFO {…}``."""

    async def probe() -> None:
        connection = asyncio.open_connection(reachable(host), port, limit=1 << 20)
        async with _closing(connection) as (reader, _):
            if not (await reader.readline()).startswith(b"INFO "):
                raise NotReady("no INFO")

    return probe


def http_probe(host: str, port: int, path: str = "/healthz") -> Probe:
    """``GET path`` answers 200."""
    target = reachable(host)
    request = f"GET {path} HTTP/1.0\r\nHost: {in_url(target)}:{port}\r\nConnection: close\r\n\r\n"

    async def probe() -> None:
        async with _closing(asyncio.open_connection(target, port)) as (reader, writer):
            writer.write(request.encode("idna" if not target.isascii() else "ascii"))
            status = (await reader.readline()).split(b" ")
            if status[1:2] != [b"200"]:
                raise NotReady(f"{path} answers {b' '.join(status[1:]).decode('latin-1').strip()}")

    return probe


def valkey_probe(socket: Path, password: str) -> Probe:
    """``AUTH`` and ``PING`` over the unix socket answer OK and PONG."""

    async def probe() -> None:
        async with _closing(asyncio.open_unix_connection(str(socket))) as (reader, writer):
            writer.write(f"AUTH {password}\r\nPING\r\n".encode())
            answer = await reader.readline() + await reader.readline()
            if answer != b"+OK\r\n+PONG\r\n":
                raise NotReady(answer.decode("latin-1").strip())

    return probe


@asynccontextmanager
async def _closing(
    connecting: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await connecting
    try:
        yield reader, writer
    finally:
        writer.close()
