"""Look again, instead of sleeping, right after clients were written to: what answers comes within microseconds.

To be put to sleep and woken costs a process more than most requests do. Where one request follows the other, the loop
therefore polls on for ``WATCH_S`` before it waits; where that was in vain, it soon hardly tries any more.
"""

import asyncio
import os
from collections.abc import Callable
from time import perf_counter
from typing import Final

#: How long the loop looks again after a flush: some round trips over a loopback interface.
WATCH_S: Final = 0.0001
#: Watches in vain, one after the other, until they cease; flushes without one; and how often it's then tried again.
PATIENCE: Final = 8
_REST: Final = 64
_TRIES: Final = 2


class BusyPoll:
    """``flushed`` is called after every flush of the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._loop, self._clock = loop, clock
        self._until_s = 0.0
        self._watching = False
        #: Watches that may yet be in vain; below one, what is left of the rest.
        self._patience = PATIENCE

    def flushed(self) -> None:
        if self._watching:
            self._patience = PATIENCE
        elif self._patience > 0:
            self._watching = True
            self._loop.call_soon(self._watch)
        else:
            self._patience += 1
            if self._patience > 0:
                self._patience = _TRIES
            return
        self._until_s = self._clock() + WATCH_S

    def _watch(self) -> None:
        """A callback that is due keeps the loop from waiting: it polls once per turn."""
        if self._clock() < self._until_s:
            self._loop.call_soon(self._watch)
            return
        self._watching = False
        self._patience -= 1
        if not self._patience:
            self._patience = -_REST


def for_loop(loop: asyncio.AbstractEventLoop) -> BusyPoll | None:
    """None with a single processor: polling would keep from running whom it waits for."""
    known = hasattr(os, "sched_getaffinity")
    processors = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return BusyPoll(loop) if processors > 1 else None
