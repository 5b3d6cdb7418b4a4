"""What happens to clients, told to web through a bounded Redis stream.

Wire     XADD channels.EVENTS, field ``e`` = reports.Event as JSON
Limit    QUEUE_MAX events that wait here; beyond it, and while Redis is gone for longer than they fit, the newest
         are dropped and counted in ``dropped``
"""

import asyncio
from collections import deque

from broker.contract import channels
from broker.contract.reports import Event
from broker.coordination.bus import Bus, BusError

QUEUE_MAX = 10_000
BATCH_MAX = 500
#: Events are gathered this long before they are sent, so that a storm costs few calls.
GATHER_S = 0.02
RETRY_S = 1.0
FIELD = "e"


class Events:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._queue: deque[Event] = deque()
        self._waiting = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, event: Event) -> None:
        if len(self._queue) >= QUEUE_MAX:
            self.dropped += 1
            return
        self._queue.append(event)
        self._waiting.set()

    async def run(self) -> None:
        """Ends with its task. Events stay queued until Redis has taken them, so some may come twice, none vanishes."""
        while True:
            await self._waiting.wait()
            await asyncio.sleep(GATHER_S)
            while self._queue:
                try:
                    await self._send_batch()
                except BusError:
                    await asyncio.sleep(RETRY_S)
            self._waiting.clear()

    async def _send_batch(self) -> None:
        batch = [self._queue[i] for i in range(min(BATCH_MAX, len(self._queue)))]
        values = [event.to_json() for event in batch]
        await self._bus.stream_add(channels.EVENTS, FIELD, values, length_max=channels.EVENTS_MAX)
        for _ in batch:
            self._queue.popleft()
