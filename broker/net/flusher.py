"""The turn of the loop: one write per client that has something to be told, and one timer for all that is due."""

import asyncio

from broker.core.server import Server
from broker.core.timers import GRANULARITY_S
from broker.net import busy_poll
from broker.net.worker import Worker


class Flusher:
    """Drives ``server`` from ``loop``; at most one flush and one timer are scheduled at a time."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._busy_poll = busy_poll.for_loop(loop)
        server.wake = self._wake
        server.rearm = self._rearm
        self._worker = Worker(loop)
        server.later = loop.call_later
        server.work = self._worker.run

    def stop(self) -> None:
        """Nothing is driven any more; what is marked stays unwritten."""
        self._worker.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._server.flush()
        if self._busy_poll is not None:
            self._busy_poll.flushed()

    def _rearm(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait_s = max(0.0, due_s - self._server.clock.monotonic_s()) + GRANULARITY_S
        self._timer = self._loop.call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._server.tick()
        due_s = self._server.timers.next_s()
        if due_s is not None and self._timer is None:
            self._rearm(due_s)
