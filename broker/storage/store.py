"""What a stream's store is, whoever keeps the bytes: ``FileStore`` or ``MemoryStore``.

A change is *staged* by append, remove and remove_below, and is *committed* by the job that ``begin_commit`` hands
out: the owner runs it (in another thread if it likes) and calls ``finish_commit``. Messages up to
``committed_seq`` are as durable as the store makes them; only those may be acknowledged or shown to consumers.
The index already knows staged changes, so checks of the next message see them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from broker.storage.message_index import MessageIndex


class Message(NamedTuple):
    """A stored message; ``header`` is the raw block or empty."""

    seq: int
    time_ns: int
    subject: bytes
    header: bytes
    payload: bytes


class StoreFailed(Exception):
    """A write failed earlier: the store takes no changes until it is opened anew. The text names the cause."""


class DamagedMessage(Exception):
    """The bytes of one message are damaged; it's reported and counted as lost, the rest is unharmed."""


class Job(Protocol):
    """Something that blocks; it touches no state of the store. Raises OSError."""

    def run(self) -> None: ...


class StreamStore(Protocol):
    """Messages of one stream. All times are nanoseconds since 1970."""

    index: MessageIndex
    #: The cause of the write error that made the store read-only; empty when all is well.
    error: str

    @property
    def committed_seq(self) -> int:
        """Every message up to here is committed."""

    @property
    def ticket(self) -> int:
        """The number of the commit that what is staged now will be part of."""

    @property
    def committed_ticket(self) -> int:
        """Commits up to here are done."""

    def append(
        self, subject: bytes, header: bytes, payload: bytes, time_ns: int, *,
        seq: int = 0, expires_ns: int = 0, mark: int = 0, grouped: bool = False,
    ) -> int:  # fmt: skip
        """Stage a message; returns its sequence. ``seq`` above last_seq + 1 leaves a gap. ``grouped`` messages
        count only with the ``end_group`` staged before the next commit. Raises StoreFailed."""

    def end_group(self) -> None: ...

    def remove(self, seq: int, *, erase: bool = False) -> bool:
        """Stage a deletion; False when there is no such message. ``erase`` overwrites its bytes as well."""

    def remove_below(self, floor: int) -> int:
        """Stage the deletion of all below ``floor``; the next sequence is at least ``floor``. Returns how many."""

    def read(self, seq: int) -> Message | None:
        """None when there is no such message. Raises DamagedMessage."""

    def read_run(self, seqs: Sequence[int]) -> list[Message]:
        """Ascending ones, faster than one by one; up to the first that isn't there or can't be read."""

    def stored_size(self, subject: bytes, header: bytes, payload: bytes) -> int:
        """What it counts in ``index.bytes``, max_bytes and the account's limits."""

    def begin_commit(self, sync: bool = True) -> Job | None:
        """None when nothing is staged or a commit is under way."""

    def finish_commit(self, job: Job, error: OSError | None = None) -> None: ...

    def begin_maintenance(self) -> Job | None:
        """The next piece of work that gives space back; None when there is none or one is under way."""

    def finish_maintenance(self, job: Job, error: OSError | None = None) -> None: ...

    def close(self) -> None:
        """Release files. What was staged but not committed is lost."""


def messages(store: StreamStore, start: int = 0) -> Iterator[Message]:
    """Every live message from ``start`` on that can be read."""
    seq = store.index.next_seq(start)
    while seq is not None:
        try:
            message = store.read(seq)
        except DamagedMessage:
            message = None
        if message is not None:
            yield message
        seq = store.index.next_seq(seq + 1)
