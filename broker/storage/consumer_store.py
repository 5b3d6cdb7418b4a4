"""What a consumer has delivered and what was acknowledged, on disk: a snapshot and a log of changes after it.

Wire, little endian:

    file     "WRCON\\0\\0\\1" · u32 salt · frame…
    frame    u32 crc of what follows, begun with the salt · u32 length of the operations · operations
    first frame of a file: the snapshot, as operations from nothing; each further frame is one flush
    operation see ``consumer_state``

A file is replaced as a whole (written beside, synced, renamed) when the log has grown long beside its snapshot. A torn
or damaged frame ends the log: what follows is cut off, and ``report`` says so. Losing the end means that messages
are delivered again, never that one is skipped.
"""

import struct
import zlib
from dataclasses import dataclass

from broker.storage import consumer_state as operations
from broker.storage.consumer_state import ChangeLog, ConsumerState
from broker.storage.disk import Disk, File, write_atomically
from broker.storage.store import Job

_MAGIC = b"WRCON\0\0\1"
_FILE_HEAD = struct.Struct("<8sI")
_FRAME = struct.Struct("<II")
#: The log is folded into a new snapshot beyond this length and four times the snapshot's.
_LOG_BYTES_MIN = 64 * 1024
_FOLD_RATIO = 4


class ConsumerRecord:
    """The state and the changes that it can undergo, for a consumer that is kept in memory only."""

    report = ""
    error = ""
    #: Where changes gather for the disk; None for a consumer in memory.
    changes: ChangeLog | None = None

    def __init__(self) -> None:
        self.state = ConsumerState()

    def delivered(self, stream_seq: int, consumer_seq: int, time_ns: int, *, pending: bool) -> None:
        """A message went out, for the first time or again; with ``pending`` an acknowledgement is awaited."""
        self._change(
            operations.PENDING if pending else operations.DELIVERED,
            stream_seq,
            consumer_seq,
            time_ns,
        )

    def delivered_run(self, stream_seqs: list[int], time_ns: int, *, pending: bool) -> None:
        """As ``delivered`` for each of these, ascending and all for the first time."""
        consumer_seq = self.state.delivered_consumer_seq + 1
        first, last, count = stream_seqs[0], stream_seqs[-1], len(stream_seqs)
        if not pending:
            self._change(operations.DELIVERED, last, consumer_seq + count - 1, time_ns)
        elif last - first == count - 1:
            self._change(operations.RUN, first, last, time_ns)
        else:
            for offset, stream_seq in enumerate(stream_seqs):
                self._change(operations.PENDING, stream_seq, consumer_seq + offset, time_ns)

    def touched(self, stream_seq: int, time_ns: int, deliveries: int) -> None:
        """The wait of a pending message begins at ``time_ns``; it counts as delivered so often."""
        self._change(operations.TOUCHED, stream_seq, deliveries, time_ns)

    def acked(self, stream_seq: int) -> None:
        """It is settled and will not be delivered again; when nothing else is pending, so is all that was delivered."""
        self._change(operations.ACKED, stream_seq, 0, 0)

    def exhausted(self, stream_seq: int, deliveries: int) -> None:
        """It was delivered as often as allowed: no longer pending, but not settled either."""
        self._change(operations.EXHAUSTED, stream_seq, deliveries, 0)

    def floor(self, stream_seq: int, consumer_seq: int) -> None:
        """All up to here is settled."""
        self._change(operations.FLOOR, stream_seq, consumer_seq, 0)

    def reset(self, stream_seq: int, consumer_seq: int) -> None:
        """Begin anew after ``stream_seq``: nothing is pending."""
        self._change(operations.RESET, stream_seq, consumer_seq, 0)

    def _change(self, kind: int, stream_seq: int, consumer_seq: int, value: int) -> None:
        self.state.apply(kind, stream_seq, consumer_seq, value)

    def begin_flush(self, *, sync: bool) -> "FlushJob | None":
        """What brings the changes to disk; None when there are none or a flush is under way."""
        return None

    def finish_flush(self, job: Job, error: OSError | None = None) -> None:
        """After the job ran."""

    def close(self) -> None:
        """Release the file. What wasn't flushed is lost."""


@dataclass(slots=True)
class FlushJob:
    """Writes one frame at ``offset`` of the file, or a new file when ``file`` is None; with ``sync`` durably."""

    disk: Disk
    directory: str
    name: str
    file: File | None
    offset: int
    data: bytes
    sync: bool

    def run(self) -> None:
        if self.file is None:
            write_atomically(self.disk, self.directory, self.name, self.data)
            self.file = self.disk.open(f"{self.directory}/{self.name}")
            return
        if self.data:
            self.file.write_at(self.data, self.offset)
        if self.sync:
            self.file.sync()


class ConsumerStore(ConsumerRecord):
    """One consumer's file. The owner keeps the rules; here is only what it says has changed.

    Changes gather in memory until ``begin_flush`` hands out a job that writes them as one frame; the owner runs it in
    any thread and calls ``finish_flush``. After an error ``error`` stays set and nothing more is written.
    """

    def __init__(self, disk: Disk, directory: str, name: str, salt: int) -> None:
        super().__init__()
        self._disk, self._directory, self._name = disk, directory, name
        self._salt = salt
        self.report = ""
        self.error = ""
        self._file: File | None = None
        self._end = self._snapshot_bytes = 0
        self.changes: ChangeLog = ChangeLog()
        self._in_flight: FlushJob | None = None
        self._unsynced = False
        self._load()

    def _change(self, kind: int, stream_seq: int, consumer_seq: int, value: int) -> None:
        self.state.apply(kind, stream_seq, consumer_seq, value)
        self.changes.add(kind, stream_seq, consumer_seq, value)

    # Writing -----------------------------------------------------------------------------------

    def begin_flush(self, *, sync: bool) -> FlushJob | None:
        if self._in_flight is not None or self.error:
            return None
        if not self.changes and not (sync and self._unsynced):
            return None
        gathered = self.changes.take()
        if self._file is None or self._is_long():
            self.close()
            snapshot = _frame(self._salt, self.state.snapshot())
            file, offset, data = None, 0, _FILE_HEAD.pack(_MAGIC, self._salt) + snapshot
        else:
            file, offset = self._file, self._end
            data = _frame(self._salt, gathered) if gathered else b""
        self._in_flight = FlushJob(
            self._disk, self._directory, self._name, file, offset, data, sync
        )
        return self._in_flight

    def finish_flush(self, job: Job, error: OSError | None = None) -> None:
        assert job is self._in_flight, "one flush at a time"
        flushed, self._in_flight = self._in_flight, None
        if error is not None:
            self.error = f"{self._directory}/{self._name}: {error.strerror or error}"
            return
        self._file, self._end = flushed.file, flushed.offset + len(flushed.data)
        if flushed.offset == 0:
            self._snapshot_bytes = self._end
        self._unsynced = not flushed.sync and flushed.offset > 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_long(self) -> bool:
        log_bytes = self._end - self._snapshot_bytes
        return log_bytes > max(_LOG_BYTES_MIN, _FOLD_RATIO * self._snapshot_bytes)

    # Reading -----------------------------------------------------------------------------------

    def _load(self) -> None:
        try:
            data = self._disk.read(f"{self._directory}/{self._name}")
        except FileNotFoundError:
            return
        at = _FILE_HEAD.size
        if len(data) < at or data[:8] != _MAGIC:
            self.report = f"{self._name}: the head is damaged, the consumer begins anew"
            return
        self._salt = _FILE_HEAD.unpack_from(data)[1]
        while (found := _read_frame(data, at, self._salt)) is not None:
            self.state.apply_all(found)
            at += _FRAME.size + len(found)
            self._snapshot_bytes = self._snapshot_bytes or at
        if data[at:].strip(b"\0"):
            self.report = f"{self._name}: {len(data) - at} bytes at its end are torn or damaged"
        self._continue_at(at, len(data))

    def _continue_at(self, end: int, size: int) -> None:
        self._file = self._disk.open(f"{self._directory}/{self._name}")
        self._end = end
        if size > end:
            self._file.truncate(end)
        self._file.sync()


def _frame(salt: int, operations: bytes) -> bytes:
    body = struct.pack("<I", len(operations)) + operations
    return struct.pack("<I", zlib.crc32(body, salt)) + body


def _read_frame(data: bytes, at: int, salt: int) -> bytes | None:
    """The operations of an intact frame; None at the end or where it's damaged."""
    if at + _FRAME.size > len(data):
        return None
    crc, length = _FRAME.unpack_from(data, at)
    end = at + _FRAME.size + length
    if end > len(data) or crc != zlib.crc32(data[at + 4 : end], salt):
        return None
    return data[at + _FRAME.size : end]
