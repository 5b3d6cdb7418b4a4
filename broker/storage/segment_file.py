"""One segment of a stream at run time: its file, opened when needed, and the table of its messages."""

from array import array

from broker.storage.disk import Disk, File
from broker.storage.entry_table import EntryTable
from broker.storage.segment import RECORD_BYTES, RECORDS_AT, Head

#: What a record holds besides the logical size of its message.
RECORD_EXTRA_BYTES = 14
#: What counts for a message besides its parts, as nats-server counts it; a header counts 4 more.
MESSAGE_OVERHEAD_BYTES = RECORD_BYTES - RECORD_EXTRA_BYTES
#: Space is allocated ahead in steps that double from here.
_ALLOCATE_MIN = 64 * 1024


def segment_name(segment_id: int) -> str:
    return f"{segment_id:010d}.seg"


class Segment:
    """``end`` counts what is staged; ``written_end`` what the file holds."""

    __slots__ = (
        "_disk", "_file", "allocated", "deletes", "directory", "end", "epoch_at", "epoch_max", "head",
        "sidecar_written", "table", "written_end",
    )  # fmt: skip

    def __init__(self, disk: Disk, directory: str, head: Head, table: EntryTable) -> None:
        self._disk = disk
        self._file: File | None = None
        self.directory = directory
        self.head = head
        self.table = table
        self.end = self.written_end = RECORDS_AT
        self.allocated = 0
        #: Sequences deleted by records of this segment, wherever the messages are.
        self.deletes: array[int] = array("Q")
        #: Where the running epoch begins here.
        self.epoch_at = RECORDS_AT
        self.epoch_max = 0
        self.sidecar_written = False

    @property
    def path(self) -> str:
        return f"{self.directory}/{segment_name(self.head.segment_id)}"

    @property
    def sidecar_path(self) -> str:
        return f"{self.directory}/{self.head.segment_id:010d}.idx"

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def file(self) -> File:
        if self._file is None:
            self._file = self._disk.open(self.path)
        return self._file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def live_bytes(self) -> int:
        """What records of live messages take."""
        return self.table.live_bytes + RECORD_EXTRA_BYTES * self.table.live_count

    def reclaimable(self) -> int:
        """Bytes that rewriting would give back, if every deletion recorded here is still needed."""
        return self.end - RECORDS_AT - self.live_bytes() - 8 * len(self.deletes)

    def allocation(self, segment_bytes_max: int) -> int:
        """How long the file should be made before ``end`` is written; 0 when it's long enough."""
        if self.end <= self.allocated:
            return 0
        self.allocated = max(self.end, min(segment_bytes_max, max(_ALLOCATE_MIN, 2 * self.end)))
        return self.allocated
