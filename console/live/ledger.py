"""The books of one tap: from its cumulative counters, what each frame adds, and what was lost on the way.

A tap counts for itself; a hub may join late, miss frames, or see the tap begin again at zero. Only differences between
two frames go on to viewers, so for each of them the sum stays exact: what a missed frame had counted is in the next
frame's difference, and its records, which ``sent`` counts, are lost in transit.
"""

from dataclasses import dataclass

from broker.contract.frames import Counters, TapFrame


@dataclass(frozen=True, slots=True)
class Delta:
    """What came to pass between two frames. seen = filtered + sampled + budget + redis + transit + count."""

    seen: int
    filtered: int
    sampled: int
    budget: int
    redis: int
    transit: int
    count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """``restarted``: this frame is of another run of the tap than the one before."""

    delta: Delta
    frame: TapFrame
    restarted: bool


class Ledger:
    """Reads the frames of one tap in the order in which they come."""

    def __init__(self) -> None:
        self._seq = 0
        self._counters = Counters()

    def take(self, raw: bytes) -> Entry:
        """Raises ValueError for bytes that are no frame, or whose counters don't add up; it then counts as missed."""
        frame = TapFrame.decode(raw)
        if not frame.counters.check():
            raise ValueError("tap frame: its counters don't add up")
        restarted = self._seq > 0 and self._is_new_run(frame)
        before = Counters() if restarted else self._counters
        delta = _difference(before, frame)
        if delta.transit < 0:
            raise ValueError("tap frame: has more records than were sent")
        self._seq, self._counters = frame.seq, frame.counters
        return Entry(delta, frame, restarted)

    def _is_new_run(self, frame: TapFrame) -> bool:
        """What can't be the old run going on: something fell, or the frame has more records than were sent since."""
        old, new = self._counters, frame.counters
        return frame.seq <= self._seq or (
            new.seen < old.seen
            or new.filtered < old.filtered
            or new.sampled < old.sampled
            or new.budget < old.budget
            or new.lost < old.lost
            or new.sent < old.sent + frame.count
        )


def _difference(old: Counters, frame: TapFrame) -> Delta:
    new = frame.counters
    return Delta(
        new.seen - old.seen,
        new.filtered - old.filtered,
        new.sampled - old.sampled,
        new.budget - old.budget,
        new.lost - old.lost,
        new.sent - old.sent - frame.count,
        frame.count,
    )
