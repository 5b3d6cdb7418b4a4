"""subject → the sequences of its messages, in tables instead of objects.

A subject has a small integer id. With one message its entry is that sequence itself; with more, a sorted
``array('Q')`` whose used part begins at ``_heads[id]``, because removals mostly come from the front.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from broker import builds
from broker.storage.subject_filter import is_literal, literal_prefix, matcher

#: The unused front of an array is given back when it is longer than this and than what is used.
_SLACK = 64
#: Names that came and went without a question for a pattern are forgotten beyond this.
_FRESH_SLACK = 1024


class SubjectEntries:
    """What changes with each message. Compiled twin: ``broker/speedups/message_index.pxi``"""

    __slots__ = ("_fresh", "_heads", "_ids", "_names", "_seqs", "_sorted", "_unused")

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {}
        self._names: list[bytes] = []
        self._seqs: list[int | array[int]] = []
        self._heads: array[int] = array("Q")
        self._unused: list[int] = []
        #: Names in order, with some that are gone; ``_fresh`` are those not yet sorted in.
        self._sorted: list[bytes] = []
        self._fresh: list[bytes] = []

    def add(self, subject: bytes, seq: int) -> int:
        """Put ``seq``, higher than every one before it, under the subject; returns the subject's id."""
        subject_id = self._ids.get(subject)
        if subject_id is None:
            return self._new(subject, seq)
        seqs = self._seqs[subject_id]
        if isinstance(seqs, int):
            self._seqs[subject_id] = array("Q", (seqs, seq))
        else:
            seqs.append(seq)
        return subject_id

    def _new(self, subject: bytes, seq: int) -> int:
        if self._unused:
            subject_id = self._unused.pop()
            self._names[subject_id] = subject
            self._seqs[subject_id] = seq
            self._heads[subject_id] = 0
        else:
            subject_id = len(self._names)
            self._names.append(subject)
            self._seqs.append(seq)
            self._heads.append(0)
        self._ids[subject] = subject_id
        self._fresh.append(subject)
        if len(self._fresh) > len(self._ids) + _FRESH_SLACK:
            self._sorted, self._fresh = [], list(self._ids)
        return subject_id

    def remove(self, subject_id: int, seq: int) -> None:
        """Take out a sequence that is there."""
        seqs = self._seqs[subject_id]
        if isinstance(seqs, int):
            assert seqs == seq, "the index holds another sequence for this subject"
            self._forget(subject_id)
            return
        head = self._heads[subject_id]
        at = bisect_left(seqs, seq, head)
        assert at < len(seqs) and seqs[at] == seq, "the index doesn't hold this sequence"
        self._take_out(subject_id, seqs, head, at)

    def _take_out(self, subject_id: int, seqs: "array[int]", head: int, at: int) -> None:
        if at - head <= len(seqs) - at:
            seqs[head + 1 : at + 1] = seqs[head:at]
            head += 1
        else:
            del seqs[at]
        if len(seqs) - head == 1:
            self._seqs[subject_id] = seqs[head]
            head = 0
        elif head > _SLACK and head > len(seqs) - head:
            del seqs[:head]
            head = 0
        self._heads[subject_id] = head

    def _forget(self, subject_id: int) -> None:
        del self._ids[self._names[subject_id]]
        self._names[subject_id] = b""
        self._seqs[subject_id] = 0
        self._unused.append(subject_id)

    def count(self, subject: bytes) -> int:
        subject_id = self._ids.get(subject)
        return 0 if subject_id is None else self.count_of(subject_id)

    def count_of(self, subject_id: int) -> int:
        seqs = self._seqs[subject_id]
        return 1 if isinstance(seqs, int) else len(seqs) - self._heads[subject_id]


if builds.speedups is not None and not TYPE_CHECKING:
    SubjectEntries = builds.speedups.SubjectEntries


class SubjectIndex(SubjectEntries):
    """Sequences per subject; a subject without messages has no entry and no id."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, subject: bytes) -> bool:
        return subject in self._ids

    def extend(self, subject: bytes, seqs: list[int]) -> int:
        """As ``add`` for each of ``seqs``, ascending and at least one."""
        subject_id = self.add(subject, seqs[0])
        if len(seqs) > 1:
            known = self._seqs[subject_id]
            if isinstance(known, int):
                self._seqs[subject_id] = array("Q", seqs)
            else:
                known.extend(array("Q", seqs[1:]))
        return subject_id

    # One subject -------------------------------------------------------------------------------

    def id_of(self, subject: bytes) -> int | None:
        return self._ids.get(subject)

    def name(self, subject_id: int) -> bytes:
        return self._names[subject_id]

    def count_between(self, subject_id: int, start: int, end: int) -> int:
        """How many of its sequences are at least ``start`` and below ``end``."""
        seqs = self._seqs[subject_id]
        if isinstance(seqs, int):
            return int(start <= seqs < end)
        head = self._heads[subject_id]
        return bisect_left(seqs, end, head) - bisect_left(seqs, start, head)

    def first(self, subject: bytes) -> int | None:
        subject_id = self._ids.get(subject)
        return None if subject_id is None else self.next_of(subject_id, 0)

    def last(self, subject: bytes) -> int | None:
        subject_id = self._ids.get(subject)
        return None if subject_id is None else self.last_of(subject_id)

    def last_of(self, subject_id: int) -> int:
        seqs = self._seqs[subject_id]
        return seqs if isinstance(seqs, int) else seqs[-1]

    def next_of(self, subject_id: int, start: int) -> int | None:
        """Its lowest sequence that is at least ``start``."""
        seqs = self._seqs[subject_id]
        if isinstance(seqs, int):
            return seqs if seqs >= start else None
        at = bisect_left(seqs, start, self._heads[subject_id])
        return seqs[at] if at < len(seqs) else None

    def run_of(self, subject_id: int, start: int, end: int, limit: int) -> list[int]:
        """Its first ``limit`` sequences in [``start``, ``end``)."""
        seqs = self._seqs[subject_id]
        if isinstance(seqs, int):
            return [seqs] if start <= seqs < end else []
        at = bisect_left(seqs, start, self._heads[subject_id])
        found = seqs[at : at + limit].tolist()
        return found if not found or found[-1] < end else found[: bisect_left(found, end)]

    def previous_of(self, subject_id: int, end: int) -> int | None:
        """Its highest sequence that is below ``end``."""
        seqs = self._seqs[subject_id]
        if isinstance(seqs, int):
            return seqs if seqs < end else None
        head = self._heads[subject_id]
        at = bisect_left(seqs, end, head)
        return seqs[at - 1] if at > head else None

    def sequences(self, subject: bytes) -> list[int]:
        """All of its sequences, ascending; a copy."""
        subject_id = self._ids.get(subject)
        if subject_id is None:
            return []
        seqs = self._seqs[subject_id]
        return [seqs] if isinstance(seqs, int) else seqs[self._heads[subject_id] :].tolist()

    # Filters -----------------------------------------------------------------------------------

    def all_match(self, subject_filter: bytes) -> bool:
        """Whether the filter takes every subject there is; asked of such as ``a.b.>`` alone, False for others."""
        prefix = literal_prefix(subject_filter)
        if subject_filter != prefix + b">" or not self._ids:
            return False
        return min(self._ids).startswith(prefix) and max(self._ids).startswith(prefix)

    def matching(self, subject_filter: bytes) -> Iterator[int]:
        """Ids of the subjects that the filter takes; in the order of their names unless it takes all."""
        if subject_filter == b">":
            yield from self._ids.values()
        elif is_literal(subject_filter):
            subject_id = self._ids.get(subject_filter)
            if subject_id is not None:
                yield subject_id
        else:
            yield from self._matching_pattern(subject_filter)

    def _matching_pattern(self, subject_filter: bytes) -> Iterator[int]:
        names = self._in_order()
        prefix, takes, ids = literal_prefix(subject_filter), matcher(subject_filter), self._ids
        previous = None
        for at in range(bisect_left(names, prefix), len(names)):
            name = names[at]
            if not name.startswith(prefix):
                return
            if name != previous and takes(name) and (found := ids.get(name)) is not None:
                yield found
            previous = name

    def _in_order(self) -> list[bytes]:
        if self._fresh:
            self._sorted += self._fresh
            self._sorted.sort()
            self._fresh = []
        if len(self._sorted) > 2 * len(self._ids) + _SLACK:
            self._sorted = sorted(self._ids)
        return self._sorted
