"""What a store does for each message that comes or goes: it's staged for the next commit, and the index knows it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from broker import builds
from broker.storage.jobs import Write
from broker.storage.message_index import MessageIndex
from broker.storage.segment import GROUPED, MESSAGE, encode_record
from broker.storage.segment_file import RECORD_EXTRA_BYTES, Segment
from broker.storage.store import StoreFailed


@dataclass(slots=True)
class Removals:
    """What was removed from segments (by id): single messages, or in one go. Until it's committed, the messages may
    come back, so their bytes stay."""

    seqs: dict[int, list[int]] = field(default_factory=dict)
    cleared: set[int] = field(default_factory=set)

    def touched(self) -> set[int]:
        return self.cleared | self.seqs.keys()

    def merge(self, later: "Removals") -> None:
        self.cleared |= later.cleared
        for segment_id, seqs in later.seqs.items():
            self.seqs.setdefault(segment_id, []).extend(seqs)


@dataclass(slots=True)
class Staged:
    """What the next commit will write."""

    writes: list[Write] = field(default_factory=list)
    deletes: list[int] = field(default_factory=list)
    erasures: list[int] = field(default_factory=list)
    bounds: bool = False
    #: Messages of the group that is open, and the first one's sequence.
    grouped: int = 0
    group_first: int = 0
    removals: Removals = field(default_factory=Removals)


class Appending:
    """The part of ``FileStore`` that each message goes through. Compiled twin: ``broker/speedups/appending.pxi``"""

    _by_table: dict[int, Segment]

    def __init__(self) -> None:
        self.index = MessageIndex()
        #: The cause of a write error; nothing is taken any more.
        self.error = ""
        self.committed_seq = 0
        self._epoch = 0
        self._segment_bytes_max = 0
        self._staged = Staged()
        #: The last of the staged writes, when the next record may go there.
        self._open: Write | None = None

    def _active(self) -> Write:
        """Sets ``_open``. Raises StoreFailed."""
        raise NotImplementedError

    def append(
        self, subject: bytes, header: bytes, payload: bytes, time_ns: int, *,
        seq: int = 0, expires_ns: int = 0, mark: int = 0, grouped: bool = False,
    ) -> int:  # fmt: skip
        write = self._open
        if write is None or write.segment.end >= self._segment_bytes_max or self.error:
            write = self._active()
        index, segment = self.index, write.segment
        seq = seq or index.last_seq + 1
        kind = GROUPED if grouped else MESSAGE
        record = encode_record(
            segment.head.salt, kind, self._epoch, seq, time_ns, expires_ns, mark, subject, header, payload
        )  # fmt: skip
        index.add(seq, time_ns, subject, len(record) - RECORD_EXTRA_BYTES, segment.end)
        write.data += record
        segment.end += len(record)
        if expires_ns:
            index.expires[seq] = expires_ns
        if mark:
            index.marks[seq] = mark
        if grouped:
            staged = self._staged
            staged.group_first = staged.group_first or seq
            staged.grouped += 1
        return seq

    def remove(self, seq: int, *, erase: bool = False) -> bool:
        if self.error:
            raise StoreFailed(self.error)
        found = self.index.remove(seq)
        if found is None:
            return False
        staged = self._staged
        if self.index.first_seq() > seq:
            staged.bounds = True
        else:
            staged.deletes.append(seq)
        if erase:
            staged.erasures.append(seq)
        segment_id = self._by_table[id(found[0])].head.segment_id
        staged.removals.seqs.setdefault(segment_id, []).append(seq)
        return True


if builds.speedups is not None and not TYPE_CHECKING:
    Appending = builds.speedups.Appending
