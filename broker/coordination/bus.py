"""The bus between broker and web: what this package asks of Redis, and nothing more.

``RedisBus`` is the real one, ``MemoryBus`` keeps everything in this process; one test suite holds for both.
Keys and channels are text, values bytes. Every call but ``listen`` either succeeds or raises BusError within
CALL_TIMEOUT_S; none waits for a lost server to come back.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

CALL_TIMEOUT_S = 5.0


class BusError(Exception):
    """The bus can't be reached or refused. The text is for the log and has no address and no password."""


@dataclass(frozen=True, slots=True)
class Connected:
    """First thing that ``listen`` gives, and again after each loss: messages may have been missed before it."""


@dataclass(frozen=True, slots=True)
class Published:
    channel: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """The subscription is gone, or an attempt to make it failed; ``listen`` goes on trying."""

    reason: str


Heard = Connected | Published | Lost


class Bus(Protocol):
    """See the module. ``ttl_s`` is a time to live in seconds."""

    async def get(self, key: str) -> bytes | None: ...

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """In the order of ``keys``; None for what is absent or expired."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None: ...

    async def delete(self, key: str) -> None: ...

    async def set_add(self, key: str, member: str) -> None: ...

    async def set_remove(self, key: str, member: str) -> None: ...

    async def set_members(self, key: str) -> frozenset[str]: ...

    async def hash_get(self, key: str, fields: Sequence[str]) -> list[bytes | None]:
        """In the order of ``fields``; None for what is absent."""
        ...

    async def hash_update(
        self, key: str, values: Mapping[str, bytes], removed: Sequence[str] = (), *, ttl_s: float
    ) -> None:
        """Sets and removes fields in one step and renews the whole hash's time to live."""
        ...

    def hash_scan(self, key: str) -> AsyncIterator[tuple[str, bytes]]:
        """Every field that is there throughout at least once; never the whole hash at a time."""
        ...

    async def publish(self, channel: str, data: bytes) -> int:
        """The number of receivers."""
        ...

    async def push(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Puts one element on a list that disappears after ``ttl_s``."""
        ...

    async def stream_add(
        self, key: str, field: str, values: Sequence[bytes], *, length_max: int
    ) -> None:
        """Appends one entry per value; the stream is trimmed to about ``length_max`` entries."""
        ...

    def listen(self, channels: Sequence[str]) -> AsyncIterator[Heard]:
        """Subscribes and goes on subscribing: after a loss it reconnects with growing, jittered pauses.

        Connected comes once the subscription stands, so whoever reads the state after it misses nothing.
        """
        ...

    async def close(self) -> None: ...
