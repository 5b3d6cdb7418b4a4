"""Messages with a time to live of their own, and the markers that say that a subject's last message has expired.

    Nats-TTL   ``5``, ``1m30s`` or ``never``: ``never`` outlives ``max_age`` too
    marker     an empty message on the subject instead of its last one, with Nats-Marker-Reason, Nats-TTL, Nats-Rollup

Times of expiry stand in the store's records, so a restart knows them.
Source   ADR-43; nats-server ``stream.go`` (parseMessageTTL), ``filestore.go`` (expireMsgs)
"""

import heapq
from typing import TYPE_CHECKING, Final

from broker.jetstream import errors, times
from broker.jetstream.alarm import Alarm
from broker.jetstream.feature import Feature
from broker.jetstream.stream_config import StreamConfig
from broker.protocol import headers
from broker.storage.store import StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.publish import Draft
    from broker.jetstream.stream import Stream

TTL: Final = b"Nats-TTL"
MARKER_REASON: Final = b"Nats-Marker-Reason"
#: ``index.expires`` of a message that never expires.
NEVER: Final = -1
#: Markers that are staged in one turn of the loop, so that many subjects expiring at once hold up nobody.
_TURN_MESSAGES: Final = 1000


def seconds(value: bytes) -> int:
    """Whole seconds, 0 for none, NEVER; ``ValueError`` for anything else."""
    text = value.decode(errors="replace")
    if text.lower() == "never":
        return NEVER
    if text != "0" and text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    ns = times.parse_duration(text)
    if ns < times.SECOND:
        raise ValueError("less than a second")
    return ns // times.SECOND


def check(stream: "Stream", draft: "Draft") -> None:
    """A time to live where there may be none; whether it is one is asked later, as nats-server does."""
    value = draft.fields.get(TTL)
    if value is None or draft.sourced or stream.config.allow_msg_ttl:
        return
    try:
        wanted = seconds(value)
    except ValueError:
        return
    if wanted:
        raise errors.MESSAGE_TTL_DISABLED()


def apply(stream: "Stream", draft: "Draft") -> None:
    """Sets when the draft expires. A life shorter than a marker's is raised to that."""
    value = draft.fields.get(TTL)
    if value is None:
        return
    try:
        life_s = seconds(value)
    except ValueError as error:
        raise errors.MESSAGE_TTL_INVALID() from error
    config = stream.config
    least_s = config.subject_delete_marker_ttl // times.SECOND
    if 0 < life_s < least_s and config.max_msgs_per_subject != 1:
        life_s = least_s
        header = headers.without(draft.header, TTL)
        draft.header = headers.with_field(header, TTL, b"%d" % life_s)
    if not config.allow_msg_ttl or life_s == 0:
        return
    draft.expires_ns = NEVER if life_s == NEVER else stream.engine.now_ns() + life_s * times.SECOND


def expire(stream: "Stream", seq: int) -> None:
    """A message is too old: it goes, or gives way to a marker. Raises StoreFailed."""
    marker_ttl = stream.config.subject_delete_marker_ttl
    subject = stream.store.index.subject_of(seq)
    if (
        marker_ttl
        and stream.store.index.subjects.count(subject) == 1
        and not _is_marker(stream, seq)
    ):
        header = headers.build(
            {
                MARKER_REASON: b"MaxAge",
                TTL: times.duration_text(marker_ttl // times.SECOND * times.SECOND).encode(),
                b"Nats-Rollup": b"sub",
            }
        )
        stream.intake.store_own(subject, header, b"")
    else:
        stream.remove(seq, "MaxAge")


def _is_marker(stream: "Stream", seq: int) -> bool:
    """A KV bucket's purge is one too."""
    message = stream.read(seq)
    if message is None or not message.header:
        return False
    return (
        headers.get(message.header, MARKER_REASON) is not None
        or headers.get(message.header, b"KV-Operation") == b"PURGE"
    )


class Expiry(Feature):
    """Removes messages when their own time is over."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        #: (when, sequence); some of messages that are gone already.
        self._due: list[tuple[int, int]] = []
        self._alarm = Alarm(stream.engine, self._expire)

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.allow_msg_ttl

    def start(self) -> None:
        expires = self.stream.store.index.expires
        self._due = [(when, seq) for seq, when in expires.items() if when != NEVER]
        heapq.heapify(self._due)
        self._arm()

    def stop(self) -> None:
        self._alarm.stop()

    def committed(self, first: int, last: int) -> None:
        index = self.stream.store.index
        if not index.expires:
            return
        for seq in index.seqs(first, last + 1):
            when = index.expires.get(seq, NEVER)
            if when != NEVER:
                heapq.heappush(self._due, (when, seq))
        self._arm()

    def _arm(self) -> None:
        if self._due:
            self._alarm.set(self._due[0][0])

    def _expire(self) -> None:
        now_ns, expires = self.stream.engine.now_ns(), self.stream.store.index.expires
        over: list[int] = []
        while self._due and self._due[0][0] <= now_ns and len(over) < _TURN_MESSAGES:
            when, seq = heapq.heappop(self._due)
            if expires.get(seq) == when:
                over.append(seq)
        try:
            for seq in sorted(over):
                expire(self.stream, seq)
        except StoreFailed:
            return
        self._arm()
