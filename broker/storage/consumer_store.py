"""What a consumer has delivered and what was acknowledged, on disk: a snapshot and a log of changes after it.

Wire, little endian:

    file     "WRCON\\0\\0\\1" · u32 salt · frame…
    frame    u32 crc of what follows, begun with the salt · u32 length of the operations · operations
    first frame of a file: the snapshot, as operations from nothing; each further frame is one ``flush``
    operation u8 kind · u64 stream_seq · u64 consumer_seq · i64 value

A file is replaced as a whole (written beside, synced, renamed) when the log has grown long beside its snapshot. A torn
or damaged frame ends the log: what follows is cut off, and ``report`` says so. Losing the end means that messages
are delivered again, never that one is skipped.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.storage.disk import Disk, File, write_atomically

_MAGIC = b"WRCON\0\0\1"
_FILE_HEAD = struct.Struct("<8sI")
_FRAME = struct.Struct("<II")
_OPERATION = struct.Struct("<BQQq")

_FLOOR = 1
_DELIVERED = 2
_PENDING = 3
_ACKED = 4
_RESET = 5
#: The log is folded into a new snapshot beyond this length and four times the snapshot's.
_LOG_BYTES_MIN = 64 * 1024
_FOLD_RATIO = 4


class Pending(NamedTuple):
    """A message that waits for its acknowledgement."""

    consumer_seq: int
    #: When it was delivered last.
    time_ns: int
    #: How often it was delivered.
    deliveries: int


@dataclass(slots=True)
class ConsumerState:
    """Sequences 0 = none yet. ``pending`` by stream sequence."""

    delivered_consumer_seq: int = 0
    delivered_stream_seq: int = 0
    floor_consumer_seq: int = 0
    floor_stream_seq: int = 0
    pending: dict[int, Pending] = field(default_factory=dict)


class ConsumerStore:
    """One consumer's file. The owner keeps the rules; here is only what it says has changed.

    Changes gather in memory until ``flush``, which writes them as one frame and may block; with ``sync`` they are on
    disk when it returns. Raises OSError; ``error`` then stays set and nothing more is written.
    """

    def __init__(self, disk: Disk, directory: str, name: str, salt: int) -> None:
        self._disk, self._directory, self._name = disk, directory, name
        self._salt = salt
        self.state = ConsumerState()
        self.report = ""
        self.error = ""
        self._file: File | None = None
        self._end = self._snapshot_bytes = 0
        self._gathered: list[bytes] = []
        self._load()

    # Changes -----------------------------------------------------------------------------------

    def delivered(self, stream_seq: int, consumer_seq: int, time_ns: int, *, pending: bool) -> None:
        """A message went out, for the first time or again; with ``pending`` an acknowledgement is awaited."""
        self._change(_PENDING if pending else _DELIVERED, stream_seq, consumer_seq, time_ns)

    def acked(self, stream_seq: int) -> None:
        """It is settled and will not be delivered again."""
        self._change(_ACKED, stream_seq, 0, 0)

    def floor(self, stream_seq: int, consumer_seq: int) -> None:
        """All up to here is settled."""
        self._change(_FLOOR, stream_seq, consumer_seq, 0)

    def reset(self, stream_seq: int, consumer_seq: int) -> None:
        """Begin anew after ``stream_seq``: nothing is pending."""
        self._change(_RESET, stream_seq, consumer_seq, 0)

    def _change(self, kind: int, stream_seq: int, consumer_seq: int, value: int) -> None:
        _apply(self.state, kind, stream_seq, consumer_seq, value)
        self._gathered.append(_OPERATION.pack(kind, stream_seq, consumer_seq, value))

    @property
    def has_changes(self) -> bool:
        return bool(self._gathered)

    def flush(self, *, sync: bool) -> None:
        if self.error:
            raise OSError(self.error)
        gathered, self._gathered = self._gathered, []
        try:
            if self._file is None or self._is_long():
                self._fold()
            elif gathered:
                frame = _frame(self._salt, b"".join(gathered))
                self._file.write_at(frame, self._end)
                self._end += len(frame)
            if sync and self._file is not None:
                self._file.sync()
        except OSError as error:
            self.error = f"{self._directory}/{self._name}: {error.strerror or error}"
            raise

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # Files -------------------------------------------------------------------------------------

    def _is_long(self) -> bool:
        log_bytes = self._end - self._snapshot_bytes
        return log_bytes > max(_LOG_BYTES_MIN, _FOLD_RATIO * self._snapshot_bytes)

    def _fold(self) -> None:
        """Replace the file by a snapshot of the state, which holds all that was gathered."""
        self.close()
        data = _FILE_HEAD.pack(_MAGIC, self._salt) + _frame(self._salt, _snapshot(self.state))
        write_atomically(self._disk, self._directory, self._name, data)
        self._file = self._disk.open(f"{self._directory}/{self._name}")
        self._end = self._snapshot_bytes = len(data)

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
        while (operations := _read_frame(data, at, self._salt)) is not None:
            for kind, *numbers in _OPERATION.iter_unpack(operations):
                _apply(self.state, kind, *numbers)
            at += _FRAME.size + len(operations)
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


def _apply(state: ConsumerState, kind: int, stream_seq: int, consumer_seq: int, value: int) -> None:
    if kind in (_DELIVERED, _PENDING):
        state.delivered_consumer_seq = max(state.delivered_consumer_seq, consumer_seq)
        state.delivered_stream_seq = max(state.delivered_stream_seq, stream_seq)
        if kind == _PENDING:
            known = state.pending.get(stream_seq)
            deliveries = known.deliveries + 1 if known else 1
            state.pending[stream_seq] = Pending(consumer_seq, value, deliveries)
    elif kind == _ACKED:
        state.pending.pop(stream_seq, None)
    elif kind == _FLOOR:
        state.floor_stream_seq, state.floor_consumer_seq = stream_seq, consumer_seq
    elif kind == _RESET:
        state.pending.clear()
        state.floor_stream_seq = state.delivered_stream_seq = stream_seq
        state.floor_consumer_seq = state.delivered_consumer_seq = consumer_seq


def _snapshot(state: ConsumerState) -> bytes:
    """The operations that lead from nothing to this state."""
    pack = _OPERATION.pack
    parts = [
        pack(_FLOOR, state.floor_stream_seq, state.floor_consumer_seq, 0),
        pack(_DELIVERED, state.delivered_stream_seq, state.delivered_consumer_seq, 0),
    ]
    for stream_seq, each in state.pending.items():
        one = pack(_PENDING, stream_seq, each.consumer_seq, each.time_ns)
        parts.append(one * each.deliveries)
    return b"".join(parts)


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
