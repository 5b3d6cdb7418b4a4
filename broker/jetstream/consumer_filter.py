"""A stream as a consumer sees it through its filters: the next message, and how many there are.

Counts are exact and cheap: without a filter or with literal ones the index knows them; with wildcards one count is kept
and carried along with what is stored, delivered and removed.
"""

from bisect import bisect_left

from broker.storage.message_index import MessageIndex
from broker.storage.subject_filter import is_literal, matcher

#: Up to so many new messages are looked at one by one; beyond, the index counts subject by subject.
_WALK_MAX = 4096
#: Where filters take less than one in so many, what is next is found faster by itself.
_FEW = 8
#: Verdicts about subjects that are kept.
_VERDICTS_MAX = 65_536


class ConsumerFilter:
    """``filters`` don't overlap; none at all takes everything."""

    def __init__(self, index: MessageIndex, filters: tuple[bytes, ...] = ()) -> None:
        self._index = index
        self.filters = filters
        self._matchers = [matcher(each) for each in filters]
        self._all_literal = all(map(is_literal, filters))
        #: Filter → the first match from where it was last looked for; absent when that is unknown.
        self._ahead: dict[bytes, int] = {}
        #: Where the search of a filter without a match ended.
        self._searched: dict[bytes, int] = {}
        self._count = 0
        #: ``_count`` covers what is below; 0 when it's unknown.
        self._counted_end = 0
        self._verdicts: dict[bytes, bool] = {}

    def takes(self, subject: bytes) -> bool:
        if not self._matchers:
            return True
        verdict = self._verdicts.get(subject)
        if verdict is None:
            if len(self._verdicts) >= _VERDICTS_MAX:
                self._verdicts.clear()
            verdict = any(takes(subject) for takes in self._matchers)
            self._verdicts[subject] = verdict
        return verdict

    def is_there(self, seq: int) -> bool:
        return self._index.find(seq) is not None

    def next(self, start: int, end: int) -> int | None:
        """The first message in [``start``, ``end``) that a filter takes. ``start`` never falls but after ``forget``."""
        filters = self.filters
        if not filters:
            seq = self._index.next_seq(start)
            return seq if seq is not None and seq < end else None
        if len(filters) == 1:
            return self._index.next_matching(filters[0], start, end)
        found = [seq for each in filters if (seq := self._next_of(each, start, end))]
        return min(found, default=None)

    def run(self, start: int, end: int, limit: int) -> list[int]:
        """Some of the first messages in [``start``, ``end``) that a filter takes, at most ``limit``; none where that
        isn't faster than one after the other."""
        if not self.filters:
            return self._index.run(start, end, limit)
        if len(self.filters) > 1 or not self._all_literal:
            few = self.count(start, end) * _FEW < end - start
            takes = self.takes if len(self.filters) > 1 else self._matchers[0]
            return [] if few else self._index.run(start, end, limit, takes)
        subjects = self._index.subjects
        subject_id = subjects.id_of(self.filters[0])
        return [] if subject_id is None else subjects.run_of(subject_id, start, end, limit)

    def _next_of(self, subject_filter: bytes, start: int, end: int) -> int:
        seq = self._ahead.get(subject_filter, 0)
        if seq >= start and self.is_there(seq):
            return seq
        start = max(start, self._searched.get(subject_filter, 0))
        seq = self._index.next_matching(subject_filter, start, end) or 0
        if seq:
            self._ahead[subject_filter] = seq
        else:
            self._ahead.pop(subject_filter, None)
            self._searched[subject_filter] = max(start, end)
        return seq

    # Counting ----------------------------------------------------------------------------------

    def count(self, start: int, end: int) -> int:
        """How many messages in [``start``, ``end``) the filters take."""
        if not self.filters:
            return self._index.count_between(start, end) if start < end else 0
        if self._all_literal:
            count = self._index.count_matching
            return sum(count(each, start, end) for each in self.filters)
        if not self._counted_end:
            self._count = self._counted_between(start, end)
        elif self._counted_end < end:
            self._count += self._counted_between(max(start, self._counted_end), end)
        self._counted_end = max(self._counted_end, end)
        return self._count

    def _counted_between(self, start: int, end: int) -> int:
        if end - start > _WALK_MAX:
            count = self._index.count_matching
            return sum(count(each, start, end) for each in self.filters)
        name, takes = self._index.subjects.name, self.takes
        return sum(
            takes(name(table.subject_ids[row])) for table, row in self._index.rows(start, end)
        )

    def passed(self, seq: int) -> None:
        """``seq``, which the filters take, isn't to be counted any more."""
        if seq < self._counted_end:
            self._count -= 1

    def passed_run(self, seqs: list[int]) -> None:
        """As ``passed`` for each of them, ascending."""
        self._count -= bisect_left(seqs, self._counted_end)

    def removed(self, seq: int, subject: bytes, start: int) -> None:
        """A message has left; ``start`` as of the next ``count``."""
        if start <= seq < self._counted_end and self.takes(subject):
            self._count -= 1

    def forget(self) -> None:
        """So much has changed that everything must be looked up anew."""
        self._counted_end = 0
        self._ahead.clear()
        self._searched.clear()
