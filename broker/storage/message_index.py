"""Everything known of a stream's messages without reading them: by sequence, by subject, by time.

A list of ``EntryTable`` (one per segment, ascending) and one ``SubjectIndex``. Both stores keep theirs here;
what is not here is where the bytes are.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import compress
from operator import and_
from typing import TYPE_CHECKING

from broker import builds
from broker.storage.entry_table import EntryTable
from broker.storage.subject_filter import is_literal, matcher
from broker.storage.subject_index import SubjectIndex

#: Up to so many subjects, the next message of a filter is found by asking each; beyond, by walking the rows.
_ASK_EACH_MAX = 16


class IndexEntries:
    """What changes with each message. Compiled twin: ``broker/speedups/message_index.pxi``"""

    __slots__ = (
        "_starts", "bytes", "expires", "floor", "last_seq", "last_time_ns", "marks", "messages", "subjects", "tables",
    )  # fmt: skip

    def __init__(self) -> None:
        self.tables: list[EntryTable] = []
        #: The lowest sequence that each table may hold.
        self._starts: list[int] = []
        self.subjects = SubjectIndex()
        self.messages = 0
        self.bytes = 0
        self.last_seq = 0
        self.last_time_ns = 0
        #: Everything below is gone.
        self.floor = 1
        #: seq → when it expires (-1 = never), seq → mark: only of live messages that have one.
        self.expires: dict[int, int] = {}
        self.marks: dict[int, int] = {}

    def add(self, seq: int, time_ns: int, subject: bytes, size: int, offset: int) -> None:
        """A message at the end of the last table."""
        assert seq > self.last_seq, "sequences ascend"
        self.tables[-1].append(seq, offset, size, self.subjects.add(subject, seq), time_ns)
        self.messages += 1
        self.bytes += size
        self.last_seq = seq
        self.last_time_ns = time_ns

    def remove(self, seq: int) -> tuple[EntryTable, int] | None:
        """Take a live message out; returns where its row is, or None when there is no such message."""
        found = self.find(seq)
        if found is not None:
            self._kill(*found)
        return found

    def _kill(self, table: EntryTable, row: int) -> None:
        seq = table.seqs[row]
        table.kill(row)
        self.messages -= 1
        self.bytes -= table.sizes[row]
        self.subjects.remove(table.subject_ids[row], seq)
        if self.expires:
            self.expires.pop(seq, None)
        if self.marks:
            self.marks.pop(seq, None)

    def find(self, seq: int) -> tuple[EntryTable, int] | None:
        """Table and row of a live message."""
        at = bisect_right(self._starts, seq) - 1
        if at < 0:
            return None
        table = self.tables[at]
        row = table.row_of(seq)
        return (table, row) if row >= 0 and table.live[row] else None

    def first_seq(self) -> int:
        """The first live sequence; without one, the sequence that comes next."""
        if not self.messages:
            return max(self.last_seq + 1, self.floor)
        at = max(bisect_right(self._starts, self.floor) - 1, 0)
        for table in self.tables[at:]:
            row = table.next_live(self.floor)
            if row >= 0:
                self.floor = table.seqs[row]
                return self.floor
        raise AssertionError("a message that is counted is in a table")


if builds.speedups is not None and not TYPE_CHECKING:
    IndexEntries = builds.speedups.IndexEntries


class MessageIndex(IndexEntries):
    """Sequences are handed out by the owner, ascending, never twice; ``last_seq`` never falls."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.subjects = SubjectIndex()

    # Changing ----------------------------------------------------------------------------------

    def begin_table(self, first_seq: int) -> EntryTable:
        """A new last table, for messages from ``first_seq`` on."""
        assert not self._starts or first_seq > self._starts[-1] or not len(self.tables[-1])
        table = EntryTable()
        self.tables.append(table)
        self._starts.append(first_seq)
        return table

    def remove_below(self, floor: int) -> int:
        """Take out every message below ``floor``; returns how many there were."""
        if floor > self.last_seq:
            return self._clear(floor)
        before = self.messages
        for table in self.tables:
            if table.seqs and table.seqs[0] >= floor:
                break
            row = table.live.find(1)
            while row >= 0 and table.seqs[row] < floor:
                self._kill(table, row)
                row = table.live.find(1, row)
        self.floor = max(self.floor, floor)
        return before - self.messages

    def _clear(self, floor: int) -> int:
        removed = self.messages
        for table in self.tables:
            table.live = bytearray(len(table))
            table.live_count = table.live_bytes = 0
        self.subjects = SubjectIndex()
        self.expires.clear()
        self.marks.clear()
        self.messages = self.bytes = 0
        self.floor, self.last_seq = floor, floor - 1
        return removed

    def drop_table(self, table: EntryTable) -> None:
        """Forget a table that has no live rows."""
        assert not table.live_count, "live messages can't be dropped"
        at = next(i for i, each in enumerate(self.tables) if each is table)
        del self.tables[at], self._starts[at]

    def replace_table(self, table: EntryTable, smaller: EntryTable) -> None:
        """The same live messages in a rewritten segment."""
        assert smaller.live_count == table.live_count, "rewriting a segment loses no message"
        at = next(i for i, each in enumerate(self.tables) if each is table)
        self.tables[at] = smaller

    # By sequence -------------------------------------------------------------------------------

    def find_dead(self, seq: int) -> tuple[EntryTable, int] | None:
        """Table and row of a deleted message whose row is still there."""
        at = bisect_right(self._starts, seq) - 1
        row = self.tables[at].row_of(seq) if at >= 0 else -1
        return (self.tables[at], row) if row >= 0 and not self.tables[at].live[row] else None

    def is_on_disk(self, seq: int) -> bool:
        """Whether a segment still has a record of it, live or deleted."""
        at = bisect_right(self._starts, seq) - 1
        return at >= 0 and self.tables[at].row_of(seq) >= 0

    def next_seq(self, start: int) -> int | None:
        """The lowest live sequence that is at least ``start``."""
        at = max(bisect_right(self._starts, start) - 1, 0)
        for index in range(at, len(self.tables)):
            table = self.tables[index]
            row = table.next_live(start)
            if row >= 0:
                return table.seqs[row]
        return None

    def run(
        self, start: int, end: int, limit: int, takes: Callable[[bytes], object] | None = None
    ) -> list[int]:
        """The first ``limit`` live sequences in [``start``, ``end``), or fewer: whole only within one segment. With
        ``takes`` those of them whose subject it takes."""
        at = max(bisect_right(self._starts, start) - 1, 0)
        for table in self.tables[at:]:
            row = table.next_live(start)
            if row < 0:
                continue
            rows = slice(row, row + limit)
            seqs = table.seqs[rows].tolist()
            if takes is not None:
                taken = map(takes, map(self.subjects.name, table.subject_ids[rows]))
                seqs = list(compress(seqs, map(and_, table.live[rows], map(bool, taken))))
            elif table.live_count < len(table):
                seqs = list(compress(seqs, table.live[rows]))
            return seqs if not seqs or seqs[-1] < end else seqs[: bisect_left(seqs, end)]
        return []

    def previous_seq(self, end: int) -> int | None:
        """The highest live sequence that is below ``end``."""
        for index in range(bisect_left(self._starts, end) - 1, -1, -1):
            table = self.tables[index]
            row = table.previous_live(end)
            if row >= 0:
                return table.seqs[row]
        return None

    def time_of(self, seq: int) -> int:
        """0 when there is no such message."""
        found = self.find(seq)
        return found[0].times[found[1]] if found else 0

    def size_of(self, seq: int) -> int:
        """Bytes that it counts for; 0 when there is no such message."""
        found = self.find(seq)
        return found[0].sizes[found[1]] if found else 0

    def subject_of(self, seq: int) -> bytes:
        """Of a live message; b"" when there is none."""
        found = self.find(seq)
        return self.subjects.name(found[0].subject_ids[found[1]]) if found else b""

    def count_between(self, start: int, end: int) -> int:
        """Live messages with ``start`` <= sequence < ``end``."""
        if start <= self.floor and end > self.last_seq:
            return self.messages
        at = max(bisect_right(self._starts, start) - 1, 0)
        total = 0
        for index in range(at, bisect_left(self._starts, end)):
            if len(table := self.tables[index]):
                total += table.live_between(start, end)
        return total

    def deleted(self, limit: int) -> list[int]:
        """Sequences between the first and the last live one that aren't there, ascending, at most ``limit``."""
        gaps: list[int] = []
        expected = self.first_seq()
        while len(gaps) < limit and expected <= self.last_seq:
            found = self.next_seq(expected)
            end = self.last_seq + 1 if found is None else found
            gaps.extend(range(expected, min(end, expected + limit - len(gaps))))
            expected = end + 1
        return gaps

    # By subject --------------------------------------------------------------------------------

    def next_matching(self, subject_filter: bytes, start: int, end: int) -> int | None:
        """The lowest live sequence in [``start``, ``end``) whose subject the filter takes."""
        if subject_filter == b">":
            found = self.next_seq(start)
        elif is_literal(subject_filter):
            subject_id = self.subjects.id_of(subject_filter)
            found = None if subject_id is None else self.subjects.next_of(subject_id, start)
        else:
            found = self._next_of_pattern(subject_filter, start, end)
        return found if found is not None and found < end else None

    def _next_of_pattern(self, subject_filter: bytes, start: int, end: int) -> int | None:
        if len(self.subjects) <= _ASK_EACH_MAX:
            ids = list(self.subjects.matching(subject_filter))
            seqs = [seq for each in ids if (seq := self.subjects.next_of(each, start)) is not None]
            return min(seqs, default=None)
        takes = matcher(subject_filter)
        known: dict[int, object] = {}
        for table, row in self.rows(start, end):
            subject_id = table.subject_ids[row]
            verdict = known.get(subject_id)
            if verdict is None:
                verdict = known[subject_id] = bool(takes(self.subjects.name(subject_id)))
            if verdict:
                return table.seqs[row]
        return None

    def rows(self, start: int, end: int) -> Iterator[tuple[EntryTable, int]]:
        """Live rows with ``start`` <= sequence < ``end``, ascending."""
        at = max(bisect_right(self._starts, start) - 1, 0)
        for table in self.tables[at:]:
            row = table.next_live(start)
            while row >= 0:
                if table.seqs[row] >= end:
                    return
                yield table, row
                row = table.live.find(1, row + 1)

    def seqs(self, start: int, end: int) -> Iterator[int]:
        """Live sequences in [``start``, ``end``), ascending; a gap costs nothing."""
        for table, row in self.rows(start, end):
            yield table.seqs[row]

    def previous_matching(self, subject_filter: bytes, end: int) -> int | None:
        """The highest live sequence below ``end`` whose subject the filter takes."""
        if subject_filter == b">":
            return self.previous_seq(end)
        seqs = [
            seq
            for each in self.subjects.matching(subject_filter)
            if (seq := self.subjects.previous_of(each, end)) is not None
        ]
        return max(seqs, default=None)

    def count_matching(self, subject_filter: bytes, start: int, end: int) -> int:
        """Live messages in [``start``, ``end``) whose subject the filter takes."""
        if subject_filter == b">" or self.subjects.all_match(subject_filter):
            return self.count_between(start, end)
        count = self.subjects.count_between
        return sum(count(each, start, end) for each in self.subjects.matching(subject_filter))

    # By time -----------------------------------------------------------------------------------

    def seq_at_time(self, time_ns: int) -> int:
        """The first live sequence stored at ``time_ns`` or later; last_seq + 1 without one."""
        for table in self.tables:
            if table.live_count and table.times[-1] >= time_ns:
                row = table.live.find(1, bisect_left(table.times, time_ns))
                if row >= 0:
                    return table.seqs[row]
        return self.last_seq + 1
