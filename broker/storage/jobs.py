"""What blocks: jobs that a store hands out. They hold files and bytes only, so they may run in any thread."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.storage.disk import Disk, File, OsFile
from broker.storage.segment import RECORDS_AT, Head
from broker.storage.segment_file import Segment


@dataclass(slots=True)
class Write:
    """Bytes for one segment. ``is_new``: its head goes before them and its name is made durable.
    ``sealed_bytes``: nothing follows, so the file is cut to this length."""

    segment: Segment
    offset: int
    data: bytearray = field(default_factory=bytearray)
    is_new: bool = False
    allocate: int = 0
    sealed_bytes: int = 0


class OneWrite(NamedTuple):
    """``data`` at ``offset`` of the open file ``fd``, then fdatasync if ``sync``."""

    fd: int
    data: bytearray
    offset: int
    sync: bool


@dataclass(slots=True)
class CommitJob:
    """The writes of one commit, in order; a segment is synced before the next one is begun."""

    disk: Disk
    directory: str
    writes: list[Write]
    sync: bool
    ticket: int
    last_seq: int
    fresh_bytes: int = 0

    def run(self) -> None:
        for index, write in enumerate(self.writes):
            self._write(write, is_last=index == len(self.writes) - 1)

    def as_one_write(self) -> OneWrite | None:
        """All that ``run`` would do, when that is so little and nothing has to be opened first."""
        write = self.writes[0]
        segment = write.segment
        if len(self.writes) > 1 or write.is_new or write.allocate or write.sealed_bytes:
            return None
        file = segment.file() if segment.is_open else None
        if not isinstance(file, OsFile) or not write.data:
            return None
        return OneWrite(file.fileno(), write.data, write.offset, self.sync)

    def _write(self, write: Write, *, is_last: bool) -> None:
        file = write.segment.file()
        if write.allocate:
            file.allocate(write.allocate)
        if write.is_new:
            file.write_at(write.segment.head.encode(), 0)
        if write.data:
            file.write_at(write.data, write.offset)
        if write.sealed_bytes:
            file.truncate(write.sealed_bytes)
        if self.sync or not is_last or write.is_new:
            file.sync()
        if write.is_new:
            self.disk.sync_dir(self.directory)


@dataclass(slots=True)
class SidecarJob:
    """Write the index of a sealed segment; it need not survive a crash."""

    disk: Disk
    segment: Segment
    encode: Callable[[], bytes]

    def run(self) -> None:
        data = self.encode()
        temporary = self.segment.sidecar_path + ".new"
        self.disk.unlink(temporary)
        file = self.disk.open(temporary)
        try:
            file.write_at(data, 0)
        finally:
            file.close()
        self.disk.rename(temporary, self.segment.sidecar_path)


@dataclass(slots=True)
class DropJob:
    """Remove segments that hold nothing any more."""

    disk: Disk
    directory: str
    segments: list[Segment]

    def run(self) -> None:
        for segment in self.segments:
            self.disk.unlink(segment.sidecar_path)
            self.disk.unlink(segment.path)
        self.disk.sync_dir(self.directory)


@dataclass(slots=True)
class EraseJob:
    """Overwrite deleted messages in place: (segment, offset, record that takes its place)."""

    writes: list[tuple[Segment, int, bytes]]

    def run(self) -> None:
        files: dict[int, File] = {}
        for segment, offset, data in self.writes:
            file = files[id(segment)] = segment.file()
            file.write_at(data, offset)
        for file in files.values():
            file.sync()


@dataclass(slots=True)
class RewriteJob:
    """Copy what lives of a sealed segment into a new file that replaces it."""

    disk: Disk
    segment: Segment
    head: Head
    #: Row → (offset, length) of its record, ascending.
    rows: list[tuple[int, int, int]]
    #: The record with the deletions that are still needed, or empty.
    control: bytes
    #: Row → offset in the new file; filled by ``run``.
    offsets: dict[int, int] = field(default_factory=dict)
    bytes_written: int = 0

    def run(self) -> None:
        temporary = self.segment.path + ".new"
        self.disk.unlink(temporary)
        target = self.disk.open(temporary)
        try:
            target.write_at(self.head.encode(), 0)
            at = self._copy(target, RECORDS_AT)
            if self.control:
                target.write_at(self.control, at)
                at += len(self.control)
            self.bytes_written = at
            target.sync()
        finally:
            target.close()
        self.disk.unlink(self.segment.sidecar_path)
        self.disk.sync_dir(self.segment.directory)
        self.disk.rename(temporary, self.segment.path)
        self.disk.sync_dir(self.segment.directory)

    def _copy(self, target: File, at: int) -> int:
        source = self.segment.file()
        for first, last, offset, length in _runs(self.rows):
            target.write_at(source.read_at(length, offset), at)
            for row, row_offset, _length in self.rows[first:last]:
                self.offsets[row] = at + row_offset - offset
            at += length
        return at


#: Neighbouring records are copied together, in pieces up to about this size.
_RUN_BYTES_MAX = 1024 * 1024


def _runs(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int, int]]:
    """(first index, end index, offset, length) of pieces without a gap."""
    runs: list[tuple[int, int, int, int]] = []
    first = 0
    for index in range(1, len(rows) + 1):
        start, end = rows[first][1], rows[index - 1][1] + rows[index - 1][2]
        if index == len(rows) or rows[index][1] != end or end - start >= _RUN_BYTES_MAX:
            runs.append((first, index, start, end - start))
            first = index
    return runs
