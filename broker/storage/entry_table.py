"""The messages of one segment as columns: 29 bytes a message, no object per message.

Rows are in ascending order of sequence and stay when a message is deleted (``live`` turns 0), so a row's place
never changes. ``live`` is bytes, so that the next live row and counts are found at the speed of memchr.
"""

import sys
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from broker import builds


class EntryColumns:
    """Sequence, offset in the segment, logical size, subject id, time, live. Compiled twin:
    ``broker/speedups/message_index.pxi``"""

    __slots__ = ("live", "live_bytes", "live_count", "offsets", "seqs", "sizes", "subject_ids", "times")  # fmt: skip

    def __init__(self) -> None:
        self.seqs: array[int] = array("Q")
        self.offsets: array[int] = array("I")
        self.sizes: array[int] = array("I")
        self.subject_ids: array[int] = array("I")
        self.times: array[int] = array("q")
        self.live = bytearray()
        self.live_count = 0
        self.live_bytes = 0

    def __len__(self) -> int:
        return len(self.seqs)

    def append(self, seq: int, offset: int, size: int, subject_id: int, time_ns: int) -> None:
        self.seqs.append(seq)
        self.offsets.append(offset)
        self.sizes.append(size)
        self.subject_ids.append(subject_id)
        self.times.append(time_ns)
        self.live.append(1)
        self.live_count += 1
        self.live_bytes += size

    def kill(self, row: int) -> None:
        """The message of this live row is gone."""
        assert self.live[row], "a message can be deleted once only"
        self.live[row] = 0
        self.live_count -= 1
        self.live_bytes -= self.sizes[row]

    def row_of(self, seq: int) -> int:
        """The row with this sequence, live or not; -1 without one."""
        seqs = self.seqs
        if not seqs:
            return -1
        guess = seq - seqs[0]
        if 0 <= guess < len(seqs) and seqs[guess] == seq:
            return guess
        row = bisect_left(seqs, seq)
        return row if row < len(seqs) and seqs[row] == seq else -1

    def next_live(self, start: int) -> int:
        """The first live row whose sequence is at least ``start``; -1 without one."""
        seqs = self.seqs
        if not self.live_count or seqs[-1] < start:
            return -1
        guess = start - seqs[0]
        if guess <= 0:
            return self.live.find(1)
        row = guess if guess < len(seqs) and seqs[guess] == start else bisect_left(seqs, start)
        return self.live.find(1, row)


if builds.speedups is not None and not TYPE_CHECKING:
    EntryColumns = builds.speedups.EntryColumns


class EntryTable(EntryColumns):
    """The rows of one segment and what can be asked of them."""

    __slots__ = ()

    def previous_live(self, end: int) -> int:
        """The last live row whose sequence is below ``end``; -1 without one."""
        if not self.live_count or self.seqs[0] >= end:
            return -1
        return self.live.rfind(1, 0, bisect_left(self.seqs, end))

    def live_between(self, start: int, end: int) -> int:
        """How many live rows have ``start`` <= sequence < ``end``."""
        first, last = bisect_left(self.seqs, start), bisect_left(self.seqs, end)
        return (
            self.live_count if last - first == len(self.seqs) else self.live.count(1, first, last)
        )

    def without_dead(self, offsets: dict[int, int]) -> "EntryTable":
        """A table of the live rows alone, at the ``offsets`` (by row) to which their records were copied."""
        kept = EntryTable()
        for row, offset in offsets.items():
            if self.live[row]:
                kept.append(
                    self.seqs[row], offset, self.sizes[row], self.subject_ids[row], self.times[row]
                )
            else:
                kept.append(self.seqs[row], offset, self.sizes[row], 0, self.times[row])
                kept.kill(len(kept) - 1)
        return kept

    def columns(self) -> "tuple[array[int], array[int], array[int], array[int], array[int]]":
        return self.seqs, self.offsets, self.sizes, self.subject_ids, self.times

    def memory_bytes(self) -> int:
        return sum(map(sys.getsizeof, self.columns())) + sys.getsizeof(self.live)
