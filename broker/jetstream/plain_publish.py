"""What a publish costs that asks nothing special: no field of the server's own but its id, and a stream whose
configuration needs no look at it.

Compiled twin: ``broker/speedups/plain_publish.pxi``
"""

from typing import TYPE_CHECKING, Final

from broker import builds
from broker.core.message import Message
from broker.jetstream import trim

if TYPE_CHECKING:
    from broker.jetstream.duplicates import Duplicates
    from broker.jetstream.environment import Timer
    from broker.jetstream.feature import Feature
    from broker.jetstream.republish import Republish
    from broker.jetstream.stream import Stream
    from broker.storage.store import StreamStore

#: Replies of fast batches end so.
FAST_BATCH: Final = b".$FI"
#: Bytes of a message's header block.
HEADER_MAX: Final = 65_535
_OWN: Final = b"\r\nNats-"
_ID: Final = b"\r\nNats-Msg-Id:"


def message_id(header: bytes) -> bytes | None:
    """What ``Nats-Msg-Id`` says, empty where no field is the server's own; None where more is to be looked at."""
    at = header.find(_OWN)
    if at < 0:
        return b""
    if not header.startswith(_ID, at) or header.find(_OWN, at + 2) >= 0:
        return None
    start = at + len(_ID)
    end = header.find(b"\r\n", start)
    if end < 0 or not header.startswith(b"NATS/1.0"):
        return None
    return header[start:end].strip(b" \t") or None


class StreamFields:
    """What each publish reads and changes of its stream."""

    store: "StreamStore"

    def __init__(self) -> None:
        self.last_msg_id = b""
        #: The feature that is told of each message before it is staged.
        self.republish: Republish | None = None
        #: There is something to commit or to announce at the end of this turn.
        self.touched = False
        #: Bytes of messages that the account knows of.
        self.used = 0
        #: Bytes of messages that aren't on disk yet.
        self.buffered_bytes = 0
        #: Publishes that wait for their commit: where the answer goes, and the answer.
        self.acks: list[tuple[bytes, bytes]] = []
        self.age_timer: Timer | None = None
        #: Features that want to know of each message that goes.
        self.told_of_removals: list[Feature] = []
        self.duplicates: Duplicates


class PlainIntake:
    """``receive`` takes the short way where it leads to the same end as ``receive_any``, which judges all the rest."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream
        self._account = stream.account
        self._engine = stream.account.engine
        #: The configuration leaves the short way open.
        self.plain = False
        #: A new message may make old ones go: of its subject beyond so many, or of all; or because they are old.
        self.limited = self._limited_as_a_whole = self._aging = False
        self._per_subject = 0
        self._in_memory = False
        #: Bytes of a message, of what isn't on disk, of all streams and of the account's; messages not on disk.
        self._message_max = self._buffered_bytes = self._server_max = self._account_max = 0
        self._buffered_msgs = 0
        self.ack_head = b""

    def receive_any(self, message: Message) -> None:
        """The long way, which knows every header and rule."""
        raise NotImplementedError

    def receive(self, message: Message) -> None:
        """A publish that the stream's subjects take."""
        stream, reply, header = self._stream, message.reply, message.header
        msg_id = message_id(header) if header else b""
        if not self.plain or msg_id is None or message.via or reply.endswith(FAST_BATCH):
            self.receive_any(message)
            return
        store, subject, size = stream.store, message.subject, len(header) + len(message.payload)
        index, now_ns = store.index, self._engine.now_ns()
        if (
            size > self._message_max
            or len(header) > HEADER_MAX
            or (msg_id and stream.duplicates.find(msg_id, now_ns))
            or store.error
            or stream.republish is not None
            or (self._aging and stream.age_timer is None)
            or stream.buffered_bytes > self._buffered_bytes
            or index.last_seq - store.committed_seq > self._buffered_msgs
            or self._is_full(index.bytes - stream.used + size + len(subject))
        ):
            self.receive_any(message)
            return
        seq = store.append(subject, header, message.payload, max(now_ns, index.last_time_ns))
        if self.limited:
            trim.enforce(stream, subject)
        stream.buffered_bytes += size
        stream.last_msg_id = msg_id
        if msg_id:
            stream.duplicates.add(msg_id, seq, index.last_time_ns)
        if not stream.touched:
            stream.touch()
        if reply:
            stream.acks.append((reply, b"%b%d}" % (self.ack_head, seq)))

    def _is_full(self, more: int) -> bool:
        """Whether there is no room for so many more bytes."""
        account, engine = self._account, self._engine
        if self._in_memory:
            of_account, of_server = account.memory_bytes, engine.memory_bytes
        else:
            of_account, of_server = account.store_bytes, engine.store_bytes
        return of_server > self._server_max or of_account + more > self._account_max


if builds.speedups is not None and not TYPE_CHECKING:
    StreamFields, PlainIntake = builds.speedups.StreamFields, builds.speedups.PlainIntake
    message_id = builds.speedups.message_id
