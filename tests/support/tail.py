"""The live tail as the page sees it: frames decoded, acknowledged at once, and the meter checked at each one."""

import asyncio
import json
import struct
from contextlib import suppress
from typing import Any, Self

from broker.contract.frames import Record, decode_records
from tests.support.console import Console
from tests.support.websocket import Closed, WebSocket, open_socket

_HEAD = struct.Struct(">2sBBQQ9QI")
COUNTERS = (
    "seen", "shown", "filtered", "sampled", "dropped_budget", "dropped_redis", "dropped_transit",
    "dropped_slow_tab", "dropped_hidden",
)  # fmt: skip


class Tail:
    """A tail of one namespace that reconnects like the page; ``records`` is all it was shown."""

    def __init__(self, console: Console, namespace: str, subjects: list[str]) -> None:
        self.records: list[Record] = []
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self.notes: list[dict[str, Any]] = []
        self._console = console
        self._path = f"/ws/namespaces/{namespace}/tail"
        self._subjects = subjects
        self._opened = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        async with asyncio.timeout(20):
            await self._opened.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def payloads(self) -> list[bytes]:
        return [record.payload for record in self.records]

    async def _follow(self) -> None:
        while True:
            with suppress(Closed, OSError, asyncio.IncompleteReadError):
                socket = await open_socket(self._console, self._path)
                try:
                    await self._read(socket)
                finally:
                    await socket.close()
            self.notes.append({"op": "reconnect"})
            await asyncio.sleep(0.1)

    async def _read(self, socket: WebSocket) -> None:
        await socket.send(json.dumps({"op": "open", "subjects": self._subjects}))
        while True:
            message = await socket.receive()
            if isinstance(message, str):
                self._noted(json.loads(message))
            else:
                seq = self._frame(message)
                await socket.send(json.dumps({"op": "ack", "seq": seq}))

    def _noted(self, note: dict[str, Any]) -> None:
        self.notes.append(note)
        if note["op"] == "opened":
            self._opened.set()

    def _frame(self, raw: bytes) -> int:
        magic, version, _, seq, _, *counters, count = _HEAD.unpack_from(raw)
        assert (magic, version) == (b"WV", 1)
        seen, *parts = counters
        assert seen == sum(parts), f"the meter does not add up: {counters}"
        self.counters = dict(zip(COUNTERS, counters, strict=True))
        records = list(decode_records(raw[_HEAD.size :]))
        assert len(records) == count
        self.records += records
        return int(seq)
