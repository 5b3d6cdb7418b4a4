"""Opening a stream's directory: what the segments hold, mended where a crash or decay left its mark.

A torn tail is cut off. Damage that intact records follow is reported and kept to itself. Deletions of the last
epoch of the last segment count only when all of that epoch is intact: they may belong to a commit of which
nobody was told, whose new message, in exchange for which the old one was deleted, was torn.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress

from broker.storage import sidecar
from broker.storage.disk import Disk
from broker.storage.message_index import MessageIndex
from broker.storage.segment import (
    BOUNDS,
    DELETE,
    GROUP_END,
    GROUPED,
    MESSAGE,
    RECORDS_AT,
    Damage,
    Head,
    Record,
    decode_head,
    filler,
    scan,
)  # fmt: skip
from broker.storage.segment_file import RECORD_EXTRA_BYTES, Segment

#: Subjects with fewer messages than this, on average, are taken message by message; else it's faster to group first.
_FEW_OF_EACH = 4


@dataclass(frozen=True, slots=True)
class DamageReport:
    """Bytes ``at``..``end`` of a file that can't be read. ``torn``: they may be a write of which nobody was told.
    Messages between ``after_seq`` and ``before_seq`` may be lost; ``before_seq`` 0 = none followed."""

    path: str
    at: int
    end: int
    torn: bool
    after_seq: int = 0
    before_seq: int = 0

    def __str__(self) -> str:
        what = "torn write" if self.torn else "damage"
        return (
            f"{self.path}: {what} in bytes {self.at} to {self.end}, after sequence {self.after_seq}"
        )


@dataclass(slots=True)
class Control:
    """A deletion or bounds record, to be applied once all messages are known."""

    segment: Segment
    epoch: int
    epoch_at: int
    at: int
    length: int = 0
    deletes: "array[int]" = field(default_factory=lambda: array("Q"))
    floor: int = 0
    last_seq: int = 0


@dataclass(slots=True)
class Recovered:
    """What ``recover`` found; ``segments`` are in the order of ``index.tables``."""

    index: MessageIndex = field(default_factory=MessageIndex)
    segments: list[Segment] = field(default_factory=list)
    reports: list[DamageReport] = field(default_factory=list)
    epoch_max: int = 0
    highest_id: int = 0


def recover(disk: Disk, directory: str) -> Recovered:
    """Read a stream's directory, mend the last segment, and make what was found durable. Raises OSError."""
    found = Recovered()
    controls: list[Control] = []
    names = disk.names(directory)
    for name in names:
        if name.endswith(".new"):
            disk.unlink(f"{directory}/{name}")
    segment_names = [name for name in names if name.endswith(".seg")]
    for name in segment_names:
        loader = _Loader(disk, directory, name, found, controls)
        loader.load(is_last=name == segment_names[-1], sidecar_exists=name[:-4] + ".idx" in names)
    for control in controls:
        for seq in control.deletes:
            found.index.remove(seq)
    found.index.remove_below(max((control.floor for control in controls), default=0))
    last_seq = max((control.last_seq for control in controls), default=0)
    found.index.last_seq = max(found.index.last_seq, last_seq)
    return found


class _Loader:
    """Brings one segment into ``found``."""

    def __init__(
        self, disk: Disk, directory: str, name: str, found: Recovered, controls: list[Control]
    ) -> None:
        self._disk, self._directory, self._path = disk, directory, f"{directory}/{name}"
        self._found, self._controls = found, controls
        self._segment_id = int(name[:-4])
        #: What waits for the end of a group, with single messages that came meanwhile.
        self._group: list[tuple[Record, bytes]] = []
        self._damages: list[Damage] = []
        self._own_controls: list[Control] = []
        #: Intact records that don't count, (offset, length): overwritten, or they'd count at the next opening.
        self._void: list[tuple[int, int]] = []

    def load(self, *, is_last: bool, sidecar_exists: bool) -> None:
        self._found.highest_id = max(self._found.highest_id, self._segment_id)
        if not is_last and sidecar_exists and self._load_sidecar():
            return
        data = self._disk.read(self._path)
        head = decode_head(data)
        if head is None:
            self._without_head(data)
            return
        segment = self._begin(head)
        self._scan(segment, data, is_last=is_last)
        self._controls += self._own_controls
        if is_last:
            self._mend(segment)

    def _without_head(self, data: bytes) -> None:
        """A segment that was being created when the crash came holds nothing yet; otherwise it's lost."""
        if len(data.rstrip(b"\0")) > RECORDS_AT:
            last_seq = self._found.index.last_seq
            self._report(Damage(0, len(data), tail=False), torn=False, after_seq=last_seq)
            self._disk.rename(self._path, self._path + ".damaged")
        else:
            self._disk.unlink(self._path)
        self._disk.sync_dir(self._directory)

    def _begin(self, head: Head) -> Segment:
        index = self._found.index
        index.last_seq = max(index.last_seq, head.last_seq)
        segment = Segment(self._disk, self._directory, head, index.begin_table(index.last_seq + 1))
        self._found.segments.append(segment)
        if head.floor > 1:
            self._controls.append(Control(segment, 0, 0, 0, floor=head.floor))
        return segment

    # From the sidecar --------------------------------------------------------------------------

    def _load_sidecar(self) -> bool:
        path = f"{self._directory}/{self._segment_id:010d}.idx"
        known = sidecar.decode(self._disk.read(path))
        file = self._disk.open(self._path)
        try:
            head = decode_head(file.read_at(RECORDS_AT, 0))
            size = file.size()
        finally:
            file.close()
        if known is None or head is None or size != known.segment_bytes:
            return False
        if (head.salt, head.generation) != (known.salt, known.generation):
            return False
        self._take(self._begin(head), known)
        return True

    def _take(self, segment: Segment, known: sidecar.Sidecar) -> None:
        index, table = self._found.index, segment.table
        seqs, offsets, sizes, local_ids, times = known.columns
        ids = self._take_subjects(compress(zip(seqs, local_ids, strict=True), known.live), known)
        table.seqs, table.offsets, table.sizes, table.times = seqs, offsets, sizes, times
        table.subject_ids = array("I", [ids.get(local, 0) for local in local_ids])
        table.live = bytearray(known.live)
        table.live_count = len(known.live) - known.live.count(0)
        table.live_bytes = sum(compress(sizes, known.live))
        index.messages += table.live_count
        index.bytes += table.live_bytes
        if seqs:
            index.last_seq, index.last_time_ns = max(index.last_seq, seqs[-1]), times[-1]
        index.expires.update(known.expires)
        index.marks.update(known.marks)
        self._finish_sidecar(segment, known)

    def _take_subjects(
        self, rows: Iterator[tuple[int, int]], known: sidecar.Sidecar
    ) -> dict[int, int]:
        """Sequences with their places in ``names``, which get the ids that are returned."""
        names, subjects = known.names, self._found.index.subjects
        if len(names) * _FEW_OF_EACH > len(known.live):
            return {local: subjects.add(names[local], seq) for seq, local in rows}
        by_name: dict[int, list[int]] = {}
        for seq, local in rows:
            by_name.setdefault(local, []).append(seq)
        return {local: subjects.extend(names[local], group) for local, group in by_name.items()}

    def _finish_sidecar(self, segment: Segment, known: sidecar.Sidecar) -> None:
        segment.deletes = known.deletes
        segment.end = segment.written_end = segment.allocated = known.segment_bytes
        segment.sidecar_written = True
        segment.epoch_max = known.epoch_max
        self._found.epoch_max = max(self._found.epoch_max, known.epoch_max)
        self._controls.append(
            Control(segment, 0, 0, 0, 0, known.deletes, known.floor, known.last_seq)
        )

    # From the records --------------------------------------------------------------------------

    def _scan(self, segment: Segment, data: bytes, *, is_last: bool) -> None:
        content = list(scan(data, segment.head.salt))
        epochs = (found.epoch for found in content if isinstance(found, Record))
        segment.epoch_max = max(epochs, default=0)
        for found in content:
            if isinstance(found, Damage):
                self._damages.append(found)
                after = self._found.index.last_seq
                self._report(found, torn=False, after_seq=after)
            else:
                segment.end = found.at + found.length
                self._take_record(segment, found, data, is_last=is_last)
        self._end_of_records(segment, is_last=is_last)

    def _take_record(self, segment: Segment, record: Record, data: bytes, *, is_last: bool) -> None:
        if record.kind == GROUP_END:
            self._take_group(segment, record)
        elif record.kind == GROUPED and is_last and record.epoch == segment.epoch_max:
            self._group.append((record, data))
        elif record.kind == MESSAGE and self._group:
            self._group.append((record, data))  # in its turn: sequences ascend
        elif record.kind in (MESSAGE, GROUPED):
            self._add(segment, record, data)
        elif record.kind in (DELETE, BOUNDS):
            self._take_control(segment, record, data)

    def _take_group(self, segment: Segment, end: Record | None) -> None:
        """A group of the last epoch counts when all of it is there, and its end is; earlier ones had been committed."""
        members = []
        if end is not None:
            seqs = range(end.time_ns, end.expires_ns + 1)
            members = [
                record.seq
                for record, _data in self._group
                if record.kind == GROUPED and record.epoch == end.epoch and record.seq in seqs
            ]
        is_whole = end is not None and len(members) == end.seq
        counting = frozenset(members) if is_whole else frozenset()
        for record, data in self._group:
            if record.kind == MESSAGE or record.seq in counting:
                self._add(segment, record, data)
            else:
                self._void.append((record.at, record.length))
        self._group = []

    def _add(self, segment: Segment, record: Record, data: bytes) -> None:
        index = self._found.index
        if record.seq <= index.last_seq:
            return
        subject = record.parts(data)[0]
        size = record.length - RECORD_EXTRA_BYTES
        index.add(record.seq, record.time_ns, subject, size, record.at)
        if record.expires_ns:
            index.expires[record.seq] = record.expires_ns
        if record.mark:
            index.marks[record.seq] = record.mark

    def _take_control(self, segment: Segment, record: Record, data: bytes) -> None:
        control = Control(segment, record.epoch, record.time_ns, record.at, record.length)
        if record.kind == DELETE:
            control.deletes.frombytes(record.parts(data)[2])
            segment.deletes += control.deletes
        else:
            control.floor, control.last_seq = record.seq, record.expires_ns
        self._own_controls.append(control)

    def _end_of_records(self, segment: Segment, *, is_last: bool) -> None:
        found = self._found
        found.epoch_max = max(found.epoch_max, segment.epoch_max)
        segment.written_end = segment.end
        if is_last:
            self._take_group(segment, None)
            self._drop_torn_controls(segment)

    def _drop_torn_controls(self, segment: Segment) -> None:
        """Deletions of the last epoch hold only when nothing since its beginning is damaged."""
        kept = []
        for control in self._own_controls:
            torn = any(control.epoch_at < d.end and d.at < control.at for d in self._damages)
            if torn and control.epoch == segment.epoch_max:
                self._void.append((control.at, control.length))
            else:
                kept.append(control)
        self._own_controls = kept

    # Mending -----------------------------------------------------------------------------------

    def _mend(self, segment: Segment) -> None:
        """The last segment is written on: its tail is cut, holes are filled, and all of it is made durable."""
        file = segment.file()
        holes = [(each.at, each.end - each.at) for each in self._damages if not each.tail]
        for at, length in self._void:
            file.write_at(filler(segment.head.salt, 0, length), at)
        if self._void and self._damages:
            file.sync()  # a hole that is filled no longer says why these records don't count
        for at, length in holes:
            file.write_at(filler(segment.head.salt, 0, length), at)
        file.truncate(segment.end)
        file.sync()
        self._disk.sync_dir(self._directory)
        segment.allocated = segment.end

    def _report(self, damage: Damage, *, torn: bool, after_seq: int) -> None:
        self._found.reports.append(
            DamageReport(self._path, damage.at, damage.end, torn or damage.tail, after_seq)
        )
