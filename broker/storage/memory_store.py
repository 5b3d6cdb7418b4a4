"""A stream's messages in memory: the same interface as on disk, committed as soon as they are staged."""

from collections.abc import Sequence
from itertools import takewhile

from broker.storage.message_index import MessageIndex
from broker.storage.store import Job, Message

#: Messages per table of the index; a table whose messages are all gone is given back.
_TABLE_ROWS = 8192
#: What nats-server counts for a message in memory besides its parts.
_OVERHEAD_BYTES = 16


class MemoryStore:
    """Nothing survives the process."""

    def __init__(self) -> None:
        self.index = MessageIndex()
        self.error = ""
        self._messages: dict[int, Message] = {}

    @property
    def committed_seq(self) -> int:
        return self.index.last_seq

    @property
    def ticket(self) -> int:
        return 0

    @property
    def committed_ticket(self) -> int:
        return 0

    def append(
        self, subject: bytes, header: bytes, payload: bytes, time_ns: int, *,
        seq: int = 0, expires_ns: int = 0, mark: int = 0, grouped: bool = False,
    ) -> int:  # fmt: skip
        index = self.index
        seq = seq or index.last_seq + 1
        if not index.tables or len(index.tables[-1]) >= _TABLE_ROWS:
            index.begin_table(seq)
        size = len(subject) + len(header) + len(payload) + _OVERHEAD_BYTES
        index.add(seq, time_ns, subject, size, 0)
        if expires_ns:
            index.expires[seq] = expires_ns
        if mark:
            index.marks[seq] = mark
        self._messages[seq] = Message(seq, time_ns, subject, header, payload)
        return seq

    def end_group(self) -> None:
        """A group is whole as soon as it's staged."""

    def remove(self, seq: int, *, erase: bool = False) -> bool:
        found = self.index.remove(seq)
        if found is None:
            return False
        del self._messages[seq]
        table, _row = found
        if not table.live_count and table is not self.index.tables[-1]:
            self.index.drop_table(table)
        return True

    def remove_below(self, floor: int) -> int:
        if floor > self.index.last_seq:
            self._messages.clear()
        else:
            for table, row in self.index.rows(0, floor):
                del self._messages[table.seqs[row]]
        removed = self.index.remove_below(floor)
        for table in self.index.tables[:-1]:
            if not table.live_count:
                self.index.drop_table(table)
        return removed

    def read(self, seq: int) -> Message | None:
        return self._messages.get(seq)

    def read_run(self, seqs: Sequence[int]) -> list[Message]:
        messages = self._messages
        return [messages[seq] for seq in takewhile(messages.__contains__, seqs)]

    def stored_size(self, subject: bytes, header: bytes, payload: bytes) -> int:
        return len(subject) + len(header) + len(payload) + _OVERHEAD_BYTES

    def begin_commit(self, sync: bool = True) -> Job | None:
        return None

    def finish_commit(self, job: Job, error: OSError | None = None) -> None:
        raise AssertionError("a store in memory hands out no jobs")

    def begin_maintenance(self) -> Job | None:
        return None

    def finish_maintenance(self, job: Job, error: OSError | None = None) -> None:
        raise AssertionError("a store in memory hands out no jobs")

    def close(self) -> None:
        self._messages.clear()
