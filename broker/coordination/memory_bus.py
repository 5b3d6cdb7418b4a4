"""The bus inside one process: for tests and as the plainest statement of what a Bus does.

Many ``MemoryBus`` objects may share one ``MemoryStore``, as many connections share one Redis.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from broker.coordination.bus import BusError, Connected, Heard, Lost, Published

#: Messages that wait for one listener; beyond it the oldest go, as Redis drops a reader that is too slow.
LISTENER_QUEUE_MAX = 10_000


@dataclass(slots=True)
class MemoryStore:
    """The data. ``alive`` False = every call fails until it is True again (``lose`` and ``restore``)."""

    clock: Callable[[], float] = time.monotonic
    values: dict[str, Any] = field(default_factory=dict)
    expiry: dict[str, float] = field(default_factory=dict)
    listeners: list[tuple[frozenset[str], "asyncio.Queue[Heard | None]"]] = field(
        default_factory=list
    )
    alive: bool = True

    def lose(self, *, data: bool = False) -> None:
        """As if Redis were killed; ``data``: it comes back empty."""
        self.alive = False
        for _, queue in self.listeners:
            queue.put_nowait(Lost("the bus is lost"))
        if data:
            self.values.clear()
            self.expiry.clear()

    def restore(self) -> None:
        self.alive = True
        for _, queue in self.listeners:
            queue.put_nowait(Connected())

    def find(self, key: str, kind: type[Any]) -> Any:
        """The live value of this key, or None. Raises BusError when lost or of another kind."""
        if not self.alive:
            raise BusError("the bus is lost")
        if self.expiry.get(key, float("inf")) <= self.clock():
            self.values.pop(key, None)
            self.expiry.pop(key, None)
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise BusError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    def make(self, key: str, kind: type[Any]) -> Any:
        value = self.find(key, kind)
        if value is None:
            value = self.values[key] = kind()
        return value

    def expire(self, key: str, ttl_s: float) -> None:
        self.expiry[key] = self.clock() + ttl_s


class MemoryBus:
    """See ``bus.Bus``."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self._queues: list[asyncio.Queue[Heard | None]] = []

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = self.store.find(key, bytes)
        return value

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.store.find(key, bytes) for key in keys]

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        self.store.find(key, object)
        self.store.values[key] = value
        self.store.expiry.pop(key, None)
        if ttl_s is not None:
            self.store.expire(key, ttl_s)

    async def delete(self, key: str) -> None:
        self.store.find(key, object)
        self.store.values.pop(key, None)
        self.store.expiry.pop(key, None)

    async def set_add(self, key: str, member: str) -> None:
        self.store.make(key, set).add(member)

    async def set_remove(self, key: str, member: str) -> None:
        self.store.make(key, set).discard(member)

    async def set_members(self, key: str) -> frozenset[str]:
        return frozenset(self.store.find(key, set) or ())

    async def hash_get(self, key: str, fields: Sequence[str]) -> list[bytes | None]:
        held = self.store.find(key, dict) or {}
        return [held.get(field) for field in fields]

    async def hash_update(
        self, key: str, values: Mapping[str, bytes], removed: Sequence[str] = (), *, ttl_s: float
    ) -> None:
        fields = self.store.make(key, dict)
        fields.update(values)
        for name in removed:
            fields.pop(name, None)
        if not fields:
            del self.store.values[key]
        self.store.expire(key, ttl_s)

    async def hash_scan(self, key: str) -> AsyncIterator[tuple[str, bytes]]:
        for item in list((self.store.find(key, dict) or {}).items()):
            yield item

    async def publish(self, channel: str, data: bytes) -> int:
        self.store.find(channel, object)
        receivers = [queue for channels, queue in self.store.listeners if channel in channels]
        for queue in receivers:
            if queue.qsize() >= LISTENER_QUEUE_MAX:
                queue.get_nowait()
            queue.put_nowait(Published(channel, data))
        return len(receivers)

    async def push(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self.store.make(key, list).insert(0, value)
        self.store.expire(key, ttl_s)

    async def stream_add(
        self, key: str, field: str, values: Sequence[bytes], *, length_max: int
    ) -> None:
        entries = self.store.make(key, list)
        entries.extend({field: value} for value in values)
        del entries[: max(0, len(entries) - length_max)]

    async def listen(self, channels: Sequence[str]) -> AsyncIterator[Heard]:
        queue: asyncio.Queue[Heard | None] = asyncio.Queue()
        listener = (frozenset(channels), queue)
        self.store.listeners.append(listener)
        self._queues.append(queue)
        if self.store.alive:
            queue.put_nowait(Connected())
        try:
            while (item := await queue.get()) is not None:
                yield item
        finally:
            self.store.listeners.remove(listener)
            self._queues.remove(queue)

    async def close(self) -> None:
        for queue in self._queues:
            queue.put_nowait(None)
