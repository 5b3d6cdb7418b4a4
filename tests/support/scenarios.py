"""Scenarios: what one side is made to do, played on our broker and on nats-server at once and compared."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import nats

from tests.support.servers import Server
from tests.support.side_by_side import Side, differences

Scenario = Callable[[Side], Awaitable[None]]
_TRIES = 3


class Scenarios(dict[str, Scenario]):
    """By what they are called; ``scenarios.add`` decorates them."""

    def add(self, function: Scenario) -> Scenario:
        self[function.__name__.removeprefix("_").replace("_", " ")] = function
        return function


async def hold(scenario: Scenario, servers: tuple[Server, Server]) -> None:
    """Ours does what nats-server does. On a busy machine either may be late for a time that a scenario names: what
    differs is played again."""
    for _ in range(_TRIES):
        lines = await _played(scenario, servers)
        if not lines:
            return
    raise AssertionError("\n".join(lines))


async def _played(scenario: Scenario, servers: tuple[Server, Server]) -> list[str]:
    """What differs."""
    clients = [await nats.connect(server.url) for server in servers]
    try:
        ours, theirs = map(Side, clients)
        await asyncio.gather(scenario(ours), scenario(theirs))
    finally:
        for client in clients:
            found = json.loads((await client.request("$JS.API.STREAM.NAMES", b"")).data)["streams"]
            for stream in found or ():
                await client.request(f"$JS.API.STREAM.DELETE.{stream}", b"")
            await client.close()
    lines = [
        line
        for (what, expected), (_, seen) in zip(theirs.seen, ours.seen, strict=False)
        for line in differences(what, expected, seen)
    ]
    if len(ours.seen) != len(theirs.seen):
        lines.append(
            f"{len(theirs.seen)} things were seen of nats-server, {len(ours.seen)} of ours"
        )
    return lines
