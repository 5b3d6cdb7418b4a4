"""When something is due: one heap for all clients instead of a timer object each.

An entry is only a reminder to look; what is due is the client's to know, so entries aren't taken back one by one, and
an entry of a client that has gone is nothing. When they have become too many, all are made anew.
"""

import heapq
from collections.abc import Callable, Iterable

#: Times are rounded up to this, so that many clients share one wake-up.
GRANULARITY_S = 0.01


class Timers:
    """Monotonic seconds → cid."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due_s: float, cid: int) -> None:
        heapq.heappush(self._heap, (due_s, cid))

    def replace(self, entries: Iterable[tuple[float, int]]) -> None:
        self._heap = list(entries)
        heapq.heapify(self._heap)

    def next_s(self) -> float | None:
        """When the earliest entry is due; None without entries."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_s: float) -> list[int]:
        """The cids that are due now, some more than once."""
        due = []
        while self._heap and self._heap[0][0] <= now_s:
            due.append(heapq.heappop(self._heap)[1])
        return due


class Timer:
    """A callback that is still to come; see ``Server.after``."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Idempotent, also after the callback ran."""
        self._callback = None

    def run(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
