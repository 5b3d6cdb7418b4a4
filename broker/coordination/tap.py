"""One tap: an account's messages in, bounded and counted frames out. No I/O; who runs it is ``taps.py``.

Order of decisions, for each message once: seen → filtered → sampled → budget → recorded. At the end of every
frame  seen = filtered + sampled + budget + lost + sent;  the counters of a frame are fixed when it is handed out,
so a frame that couldn't be delivered or kept shows as ``lost`` in the next one.
Limits   QUEUE_FRAMES and QUEUE_BYTES of frames that wait, LATEST_MAX and LATEST_BYTES of messages in mode ``latest``,
         HEADER_MAX bytes of a header (longer ones are cut), the specification's own
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from broker.contract.frames import (
    RECORDS_BYTES_MAX,
    Counters,
    TapFrame,
    encode_record,
)
from broker.contract.taps import PAYLOAD_MAX, TapSpec
from broker.core.message import Message
from broker.protocol.subject import is_valid_subject, matches, overlaps

QUEUE_FRAMES = 128
QUEUE_BYTES = 8 * 1024 * 1024
LATEST_MAX = 10_000
LATEST_BYTES = 4 * 1024 * 1024
HEADER_MAX = PAYLOAD_MAX
#: A frame without records is sent this often, so that a reader can tell silence from loss.
IDLE_INTERVAL_NS = 1_000_000_000
#: What ``encode_record`` can carry in its 16-bit lengths.
_SUBJECT_MAX = 0xFFFF

OnMessage = Callable[[Message], None]


@dataclass(slots=True)
class _Closed:
    """A frame that waits, with the counters as they were at its end; ``overflow`` = records dropped before it."""

    at_ns: int
    seen: int
    filtered: int
    sampled: int
    budget: int
    overflow: int
    count: int
    records: bytes


class Tap:
    """``now_ns`` is asked once per recorded message. Raises ValueError when the specification's subjects are none."""

    def __init__(self, spec: TapSpec, now_ns: Callable[[], int]) -> None:
        self.spec = spec
        self._now_ns = now_ns
        self._subjects = _filters("subjects", spec.subjects)
        self._exclude = _filters("exclude", spec.exclude)
        self._headers = [
            (header.name.encode(), None if header.value is None else header.value.encode())
            for header in spec.headers
        ]
        self._contains = spec.payload_contains.encode()
        self._filtering = bool(self._exclude or self._headers or self._contains)
        self._n = spec.n if spec.mode == "one_in" else 1
        self._latest: dict[bytes, Message] | None = {} if spec.mode == "latest" else None
        self._latest_bytes = 0
        self._seen = self._filtered = self._sampled = self._budget = self._overflow = 0
        self._msgs_left = float(spec.msgs_per_s)
        self._bytes_left = float(spec.bytes_per_s)
        self._run = self._refilled_ns = now_ns()
        #: The first frame is due at once: it says that the tap listens.
        self._last_frame_ns = self._run - IDLE_INTERVAL_NS
        self._records: list[bytes] = []
        self._records_bytes = 0
        self._closed: deque[_Closed] = deque()
        self._closed_bytes = 0
        self._seq = self._sent = self._failed = self._in_hand = 0

    def subscriptions(self) -> Iterator[tuple[bytes, OnMessage]]:
        """What to subscribe to. Where filters overlap, only the first that matches takes a message."""
        for index, subject in enumerate(self._subjects):
            earlier = [other for other in self._subjects[:index] if overlaps(other, subject)]
            yield subject, self._unless(earlier) if earlier else self.on_message

    def _unless(self, earlier: list[bytes]) -> OnMessage:
        def on_message(message: Message) -> None:
            if not any(matches(other, message.subject) for other in earlier):
                self.on_message(message)

        return on_message

    # Messages in ------------------------------------------------------------------------------------

    def on_message(self, message: Message) -> None:
        self._seen += 1
        if self._filtering and not self._passes(message):
            self._filtered += 1
        elif self._n > 1 and (self._seen - self._filtered - 1) % self._n:
            self._sampled += 1
        elif self._latest is not None:
            self._keep(self._latest, message)
        elif self._msgs_left < 1:  # the cheap end of ``_record``, for floods over the budget
            self._budget += 1
        else:
            self._record(message, self._now_ns())

    def _passes(self, message: Message) -> bool:
        if any(matches(excluded, message.subject) for excluded in self._exclude):
            return False
        if self._contains and self._contains not in message.payload:
            return False
        return all(_has(message.header, name, value) for name, value in self._headers)

    def _keep(self, latest: dict[bytes, Message], message: Message) -> None:
        replaced = latest.pop(message.subject, None)
        if replaced is not None:
            self._sampled += 1
            self._latest_bytes -= replaced.size
        latest[message.subject] = message
        self._latest_bytes += message.size
        if len(latest) >= LATEST_MAX or self._latest_bytes >= LATEST_BYTES:
            self._record_latest(self._now_ns())

    def _record_latest(self, now_ns: int) -> None:
        while self._latest:
            subject = next(iter(self._latest))
            message = self._latest.pop(subject)
            self._latest_bytes -= message.size
            self._record(message, now_ns)

    def _record(self, message: Message, now_ns: int) -> None:
        if self._msgs_left < 1 or self._bytes_left <= 0:
            self._budget += 1
            return
        payload = message.payload
        record = encode_record(
            now_ns,
            message.subject[:_SUBJECT_MAX],
            message.reply[:_SUBJECT_MAX],
            message.header[:HEADER_MAX],
            payload[: self.spec.payload_max],
            len(payload),
        )
        self._msgs_left -= 1
        self._bytes_left -= len(record)
        self._records.append(record)
        self._records_bytes += len(record)
        if self._records_bytes >= RECORDS_BYTES_MAX:
            self._close(now_ns)

    # Frames out -------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Each FLUSH_INTERVAL_S: renews the budget and closes the frame that is due."""
        now_ns = self._now_ns()
        self._refill(now_ns)
        self._record_latest(now_ns)
        idle = not self._closed and now_ns - self._last_frame_ns >= IDLE_INTERVAL_NS
        if self._records or idle:
            self._close(now_ns)

    def has_frame(self) -> bool:
        return bool(self._closed)

    def next_frame(self) -> bytes:
        """The oldest closed frame, encoded; call ``handed`` before the next one."""
        closed = self._closed.popleft()
        self._closed_bytes -= len(closed.records)
        self._seq += 1
        self._in_hand = closed.count
        counters = Counters(
            seen=closed.seen,
            filtered=closed.filtered,
            sampled=closed.sampled,
            budget=closed.budget,
            lost=closed.overflow + self._failed,
            sent=self._sent + closed.count,
        )
        assert counters.check(), counters
        frame = TapFrame(self._run, self._seq, closed.at_ns, counters, closed.count, closed.records)
        return frame.encode()

    def handed(self, arrived: bool) -> None:
        """What became of the frame that ``next_frame`` gave."""
        if arrived:
            self._sent += self._in_hand
        else:
            self._failed += self._in_hand
        self._in_hand = 0

    def _refill(self, now_ns: int) -> None:
        passed_s = min(1.0, max(0.0, (now_ns - self._refilled_ns) / 1e9))
        self._refilled_ns = now_ns
        spec = self.spec
        self._msgs_left = min(spec.msgs_per_s, self._msgs_left + spec.msgs_per_s * passed_s)
        self._bytes_left = min(spec.bytes_per_s, self._bytes_left + spec.bytes_per_s * passed_s)

    def _close(self, now_ns: int) -> None:
        count, records = len(self._records), b"".join(self._records)
        self._records.clear()
        self._records_bytes = 0
        self._last_frame_ns = now_ns
        if self._is_full(len(records)):
            self._overflow += count
            return
        waiting = len(self._latest) if self._latest is not None else 0
        self._closed_bytes += len(records)
        self._closed.append(
            _Closed(
                now_ns, self._seen - waiting, self._filtered, self._sampled, self._budget,
                self._overflow, count, records,
            )
        )  # fmt: skip

    def _is_full(self, size: int) -> bool:
        frames = len(self._closed)
        return frames >= QUEUE_FRAMES or (frames > 0 and self._closed_bytes + size > QUEUE_BYTES)


def _filters(field: str, subjects: tuple[str, ...]) -> list[bytes]:
    encoded = [subject.encode() for subject in dict.fromkeys(subjects)]
    for subject in encoded:
        if not is_valid_subject(subject):
            raise ValueError(f"{field}: {subject.decode()!r} is no subject filter")
    return encoded


def _has(header: bytes, name: bytes, value: bytes | None) -> bool:
    """Whether one of the header's fields has this name, and this value where one is asked for."""
    for line in header.split(b"\r\n")[1:]:
        found, colon, rest = line.partition(b":")
        if colon and found == name and (value is None or rest.strip(b" \t") == value):
            return True
    return False
