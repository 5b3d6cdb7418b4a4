"""What a client shall be sent: pending bytes, the slow-consumer limit and the stall gate.

In plain Python the data path appends to ``chunks`` and adds up ``pending_bytes`` once per run of messages; the
network end takes all of it once per turn. While the transport can't take more, chunks stay here, where ``max_pending``
sees them.
"""

from typing import TYPE_CHECKING

from broker import builds
from broker.core.gate import Gate

if TYPE_CHECKING:
    from broker.core.client import Client

#: A receiver with more pending than this, or than a quarter of its max_pending, holds its publishers back. nats-server
#: begins at three quarters; but bytes that are still in the processor's cache are written twice as fast.
STALL_BYTES = 1280 * 1024
#: Waiting chunks are joined to one when there are more, so that small messages don't cost an object each.
_COMPACT_CHUNKS = 4096


class Outbound:
    """``pending_bytes`` is what the kernel doesn't have yet: what is here and ``in_transport``.

    ``out_msgs`` and ``out_bytes`` count messages for the client. Compiled twin: ``broker/speedups/outbound.pxi``, a
    list of chunks that bytes are copied into; ``views`` and ``consume`` are for writing from it without another copy.
    """

    __slots__ = (
        "append", "blocked", "chunks", "client", "dirty", "gate", "held", "in_transport", "limit",
        "out_bytes", "out_msgs", "pending_bytes", "stall_limit",
    )  # fmt: skip

    def __init__(self, client: "Client", limit: int, stall_limit: int) -> None:
        self.client = client
        self.limit = limit
        self.stall_limit = stall_limit
        self.out_msgs = self.out_bytes = 0
        self.chunks: list[bytes] = []
        #: ``chunks.append``; the list is the same for life, so that lanes may keep this.
        self.append = self.chunks.append
        #: Earlier chunks, joined while the transport was blocked; None as long as it never was.
        self.held: list[bytes] | None = None
        self.pending_bytes = 0
        self.in_transport = 0
        #: True while the transport wants nothing more.
        self.blocked = False
        #: True while the client stands in the server's list of those to write.
        self.dirty = False
        #: Publishers that wait; None as long as none ever had to.
        self.gate: Gate | None = None

    def hold(self, publisher: "Client") -> None:
        """Let ``publisher`` wait until this has drained."""
        if self.gate is None:
            self.gate = Gate(self)
        self.gate.hold(publisher)

    def put(self, data: bytes) -> None:
        """One more thing to send."""
        self.append(data)
        self.pending_bytes += len(data)

    def views(self) -> list[memoryview]:
        """Memory of what is there, until something else is done; only in the compiled build."""
        raise NotImplementedError

    def consume(self, size: int) -> None:
        """The first ``size`` bytes of ``views`` were written."""
        raise NotImplementedError

    def take(self, most: int = -1) -> list[bytes]:
        """All chunks, for the transport; they are its business from now on. ``most`` bytes in the compiled build."""
        taken = self.chunks.copy()
        self.chunks.clear()
        if self.held:
            taken = self.held + taken
            self.held = None
        self.pending_bytes = self.in_transport
        return taken

    def keep(self) -> None:
        """The transport is blocked: hold the chunks in as few objects as possible."""
        if len(self.chunks) > _COMPACT_CHUNKS:
            self.held = self.held or []
            self.held.append(b"".join(self.chunks))
            self.chunks.clear()

    def set_in_transport(self, size: int) -> None:
        """How much the transport holds; 0 when it has drained."""
        self.pending_bytes += size - self.in_transport
        self.in_transport = size

    def drop(self) -> None:
        """Nothing of it will be sent."""
        self.chunks.clear()
        self.held = None
        self.pending_bytes = self.in_transport


if builds.speedups is not None and not TYPE_CHECKING:
    Outbound = builds.speedups.Outbound


def outbound(client: "Client", max_pending: int) -> Outbound:
    """The buffer of a new client."""
    return Outbound(client, max_pending, min(max_pending // 4, STALL_BYTES))
