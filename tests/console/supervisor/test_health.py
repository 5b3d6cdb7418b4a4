"""Probes against small servers that answer right, wrong or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from console.supervisor.health import (
    NotReady,
    Probe,
    http_probe,
    nats_probe,
    reachable,
    until_ready,
)


@asynccontextmanager
async def answering(text: bytes) -> AsyncIterator[int]:
    """A server that says ``text`` to whoever comes; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.write_eof()
        await reader.read()  # closing with something unread would be a reset
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (nats_probe, b"INFO {}\r\n", b"SSH-2.0\r\n"),
        (http_probe, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"),
        (http_probe, b"HTTP/1.0 200 OK\r\n\r\n", b""),
    ],
)
async def test_only_the_right_answer_counts(
    make: Callable[[str, int], Probe], good: bytes, bad: bytes
) -> None:
    async with answering(good) as port:
        await make("127.0.0.1", port)()
    async with answering(bad) as port:
        with pytest.raises(NotReady):
            await make("127.0.0.1", port)()


async def test_until_ready_asks_again() -> None:
    answers = iter([NotReady("no"), ConnectionRefusedError(), TimeoutError(), None])

    async def probe() -> None:
        if answer := next(answers):
            raise answer

    await asyncio.wait_for(until_ready(probe), 5)


def test_a_listener_on_every_address_is_asked_on_loopback() -> None:
    assert [reachable(h) for h in ("0.0.0.0", "::", "10.1.2.3")] == ["127.0.0.1", "::1", "10.1.2.3"]
