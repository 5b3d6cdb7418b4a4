"""Every test here runs twice: on our broker and on nats-server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from tests.support.servers import CONTENDERS, Contender, Server, running

Connect = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="module", params=CONTENDERS, ids=lambda contender: contender.name)
def contender(request: pytest.FixtureRequest) -> Contender:
    """The program under test; nats-server is skipped where its package isn't installed."""
    chosen: Contender = request.param
    if not chosen.available():
        pytest.skip(f"{chosen.command[0]} is not installed")
    return chosen


@pytest.fixture(scope="module")
def server(contender: Contender) -> Iterator[Server]:
    """One server without configuration, shared by a module: tests use subjects of their own."""
    with running(contender) as started:
        yield started


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect to a server with nats-py; once unless told otherwise; all that was opened is closed."""
    clients: list[Client] = []

    async def open_one(server: Server, **options: Any) -> Client:
        options = {"connect_timeout": 5, "allow_reconnect": False, **options}
        client = await nats.connect(server.url, **options)
        clients.append(client)
        return client

    yield open_one
    for client in clients:
        await client.close()
