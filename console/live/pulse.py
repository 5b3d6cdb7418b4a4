"""Usage and presence for open pages: asked for once for all of them, told to each when something changed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from broker.contract.reports import Presence, Usage
from console.gateway.errors import BrokerUnavailable
from console.gateway.watch import Reports
from console.lib.tasks import end

USAGE_INTERVAL_S = 1.0
#: Every second turn.
SERVERS_EVERY = 2

Message = dict[str, Any]


class Source(Protocol):
    async def servers(self) -> list[Presence]: ...

    async def usage(self, accounts: Sequence[str]) -> dict[str, Usage]: ...

    async def close(self) -> None: ...


class Watcher(Protocol):
    """A page. ``accounts`` are those whose usage it shows."""

    accounts: frozenset[str]

    def pulse(self, message: Message) -> None: ...


class Pulse:
    """Lives on one event loop; beats only while somebody watches."""

    def __init__(self, source: Callable[[], Source] = Reports) -> None:
        self._make_source = source
        self._watchers: dict[int, Watcher] = {}
        self._told: dict[int, dict[str, Usage]] = {}
        self._task: asyncio.Task[None] | None = None

    def join(self, watcher: Watcher) -> None:
        self._watchers[id(watcher)] = watcher
        self._told[id(watcher)] = {}
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._beat(), name="pulse")

    def leave(self, watcher: Watcher) -> None:
        self._watchers.pop(id(watcher), None)
        self._told.pop(id(watcher), None)

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _beat(self) -> None:
        source, turn = self._make_source(), 0
        try:
            while self._watchers:
                await self.beat(source, with_servers=turn % SERVERS_EVERY == 0)
                turn += 1
                await asyncio.sleep(USAGE_INTERVAL_S)
        finally:
            await source.close()

    async def beat(self, source: Source, *, with_servers: bool) -> None:
        """One turn. Without Redis there are no servers, and usage stands still."""
        try:
            wanted = sorted(set().union(*(w.accounts for w in self._watchers.values())))
            self._tell_usage(await source.usage(wanted))
            if with_servers:
                self._tell_servers(await source.servers())
        except BrokerUnavailable:
            if with_servers:
                self._tell_servers([])

    def _tell_servers(self, servers: list[Presence]) -> None:
        message = {"op": "servers", "servers": [asdict(server) for server in servers]}
        for watcher in tuple(self._watchers.values()):
            watcher.pulse(message)

    def _tell_usage(self, usage: dict[str, Usage]) -> None:
        for key, watcher in tuple(self._watchers.items()):
            told = self._told[key]
            news = {
                a: u for a in watcher.accounts if (u := usage.get(a)) and _differs(told.get(a), u)
            }
            if news:
                told.update(news)
                told_now = {account: asdict(found) for account, found in news.items()}
                watcher.pulse({"op": "usage", "namespaces": told_now})
            for gone in told.keys() - watcher.accounts:
                del told[gone]


def _differs(old: Usage | None, new: Usage) -> bool:
    """``at`` alone is no news."""
    return old is None or asdict(old) | {"at": 0} != asdict(new) | {"at": 0}
