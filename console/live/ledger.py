"""The books of one tap: from its cumulative counters, what each frame adds, and what was lost on the way.

A tap counts for itself; a hub may join late, miss frames, or see the tap begin again at zero. Only differences between
two frames go on to viewers, so for each of them the sum stays exact: what a missed frame had counted is in the next
frame's difference, and its records, which ``sent`` counts, are lost in transit.
"""

from dataclasses import astuple, dataclass

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
        self._run: int | None = None
        self._seq = 0
        self._counters = Counters()

    def take(self, raw: bytes) -> Entry:
        """Raises ValueError for bytes that are no frame, or whose counters don't add up; it then counts as missed."""
        frame = TapFrame.decode(raw)
        if not frame.counters.check():
            raise ValueError("tap frame: its counters don't add up")
        goes_on = frame.run == self._run
        if goes_on and frame.seq <= self._seq:
            raise ValueError("tap frame: comes after a later one")
        delta = _difference(self._counters if goes_on else Counters(), frame)
        if min(astuple(delta)) < 0:
            raise ValueError("tap frame: a counter fell, or there are more records than were sent")
        restarted = self._run is not None and not goes_on
        self._run, self._seq, self._counters = frame.run, frame.seq, frame.counters
        return Entry(delta, frame, restarted)


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
