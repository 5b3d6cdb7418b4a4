"""One tail as its browser sees it: counters of its own, and a window of frames that it has yet to acknowledge.

Nothing is ever queued for a browser that doesn't keep up. Without credit a frame's records are counted as
``dropped_slow_tab`` and forgotten, so a stalled tab costs at most CREDIT frames.
"""

from collections import deque

from console.live import frames
from console.live.frames import ViewCounters
from console.live.ledger import Delta, Entry

#: Frames on their way to a browser that it hasn't acknowledged.
CREDIT = 8
#: A browser that acknowledges nothing for this long has gone.
ACK_TIMEOUT_S = 30.0
#: A hidden tab gets its counters this often.
HIDDEN_INTERVAL_S = 1.0


class Viewer:
    """Pure: time comes in as ``now_s`` of a monotonic clock, frames go out as bytes."""

    def __init__(self) -> None:
        self.counters = ViewCounters()
        self.hidden = False
        self._seq = 0
        #: Of each unacknowledged frame: its seq and when it was sent.
        self._unacknowledged: deque[tuple[int, float]] = deque()
        self._sent_s = 0.0

    @property
    def has_credit(self) -> bool:
        return len(self._unacknowledged) < CREDIT

    def reset(self) -> None:
        """A new subscription: counters begin at zero, ``seq`` and the window go on."""
        self.counters = ViewCounters()

    def take(self, entry: Entry, now_s: float) -> bytes | None:
        """Counts the frame in; what to send now, or None (no credit, or hidden and too early)."""
        delta = entry.delta
        self._count(delta)
        if self.hidden:
            self.counters.dropped_hidden += delta.count
            if not self.has_credit or now_s - self._sent_s < HIDDEN_INTERVAL_S:
                return None
            return self._frame(entry.frame.at_ns, 0, b"", now_s)
        if not self.has_credit:
            self.counters.dropped_slow_tab += delta.count
            return None
        self.counters.shown += delta.count
        return self._frame(entry.frame.at_ns, delta.count, entry.frame.records, now_s)

    def acknowledge(self, seq: int) -> None:
        """Every frame up to ``seq`` arrived. One that was never sent acknowledges nothing."""
        if seq > self._seq:
            return
        while self._unacknowledged and self._unacknowledged[0][0] <= seq:
            self._unacknowledged.popleft()

    def is_stalled(self, now_s: float) -> bool:
        waiting = self._unacknowledged
        return bool(waiting) and now_s - waiting[0][1] > ACK_TIMEOUT_S

    def _count(self, delta: Delta) -> None:
        counters = self.counters
        counters.seen += delta.seen
        counters.filtered += delta.filtered
        counters.sampled += delta.sampled
        counters.dropped_budget += delta.budget
        counters.dropped_redis += delta.redis
        counters.dropped_transit += delta.transit

    def _frame(self, at_ns: int, count: int, records: bytes, now_s: float) -> bytes:
        assert self.counters.check(), "a viewer's counters always add up"
        self._seq += 1
        self._sent_s = now_s
        self._unacknowledged.append((self._seq, now_s))
        return frames.encode(self._seq, at_ns, self.counters, count, records)
