"""Atomic batches: messages that are gathered until the last one comes, then stored all together or not at all.

    Nats-Batch-Id, Nats-Batch-Sequence 1, 2, …, and with the last one Nats-Batch-Commit: ``1``, or ``eob`` for one that
    only ends the batch. Until then each is answered with nothing, as a sign of life; what is wrong with one is said at
    the end. The messages of a batch are one group of the store's commit, so a crash leaves all of them or none.
Source   ADR-50; nats-server ``stream.go`` (processJetStreamAtomicBatchMsg), ``jetstream_batching.go``
Limit    ``SIZE_MAX`` messages and ``BYTES_MAX`` bytes of a stream's open batches, ``OPEN_MAX`` batches of a stream,
         ``OPEN_OF_SERVER_MAX`` of a server, ``IDLE_S`` without a message
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from broker.jetstream import counters, errors, schedules, ttl
from broker.jetstream.environment import Timer
from broker.jetstream.feature import Feature
from broker.jetstream.publish import (
    COMMIT,
    ID,
    SEQUENCE,
    Draft,
    Stored,
    expected_number,
    expected_stream,
    reserved,
)
from broker.jetstream.stream_config import StreamConfig
from broker.jetstream.versions import REQUIRED_LEVEL_HEADER, demands_too_much
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

SIZE_MAX: Final = 1000
BYTES_MAX: Final = 64 * 1024 * 1024
OPEN_MAX: Final = 50
OPEN_OF_SERVER_MAX: Final = 1000
IDLE_S: Final = 10.0
_ID_MAX: Final = 64
_LAST_ID: Final = b"Nats-Expected-Last-Msg-Id"
_LAST_SEQ: Final = b"Nats-Expected-Last-Sequence"
_LAST_SUBJECT_SEQ: Final = b"Nats-Expected-Last-Subject-Sequence"
_LAST_SUBJECT_SEQ_SUBJECT: Final = b"Nats-Expected-Last-Subject-Sequence-Subject"


@dataclass(slots=True)
class _Open:
    """A batch that isn't committed yet."""

    drafts: list[Draft] = field(default_factory=list)
    size: int = 0
    timer: Timer | None = None


class Batches(Feature):
    """The open batches of one stream."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        self._open: dict[bytes, _Open] = {}
        self._bytes = 0

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.allow_atomic

    def start(self) -> None:
        self.stream.batches = self

    def stop(self) -> None:
        self.stream.batches = None
        for batch_id in list(self._open):
            self._forget(batch_id)

    # Gathering --------------------------------------------------------------------------------------

    def receive(self, draft: Draft) -> list[Draft]:
        """One message of a batch; the whole batch when it is the last. Raises ApiError."""
        batch_id, number = draft.fields[ID], _number(draft.fields.get(SEQUENCE))
        if len(batch_id) > _ID_MAX:
            raise errors.ATOMIC_PUBLISH_INVALID_BATCH_ID()
        if number is None:
            raise errors.ATOMIC_PUBLISH_MISSING_SEQ()
        commit = draft.fields.get(COMMIT)
        size = number - 1 if commit == b"eob" else number
        batch = self._open.get(batch_id) or self._begin(batch_id, number, size)
        if commit not in (None, b"1", b"eob"):
            self._forget(batch_id)
            raise errors.ATOMIC_PUBLISH_INVALID_BATCH_COMMIT()
        self._check_level(batch_id, draft)
        self._expect_more(batch_id, batch)
        if number != len(batch.drafts) + 1 or (number == 1 and commit == b"eob"):
            self._abandon(batch_id, "incomplete")
            raise errors.ATOMIC_PUBLISH_INCOMPLETE_BATCH()
        if size > SIZE_MAX:
            self._abandon(batch_id, "large")
            raise errors.ATOMIC_PUBLISH_TOO_LARGE_BATCH(size=SIZE_MAX)
        self._gather(batch_id, batch, draft, stored=commit != b"eob")
        if commit is None:
            return []
        drafts = batch.drafts
        self._forget(batch_id)
        if commit == b"eob":
            drafts[-1].header = headers.with_field(drafts[-1].header, COMMIT, b"1")
        return drafts

    def check(self, drafts: list[Draft]) -> None:
        """Whether a whole batch can be stored; completes its drafts. Raises ApiError."""
        judge = Judge(self.stream)
        for draft in drafts:
            if _LAST_ID in draft.fields:
                header = _LAST_ID.decode()
                raise errors.ATOMIC_PUBLISH_UNSUPPORTED_HEADER_BATCH(header=header)
            try:
                judge.check(draft)
            except Stored as error:
                raise errors.ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE() from error

    def _begin(self, batch_id: bytes, number: int, size: int) -> _Open:
        if number != 1:
            if size > SIZE_MAX:
                raise errors.ATOMIC_PUBLISH_TOO_LARGE_BATCH(size=SIZE_MAX)
            raise errors.ATOMIC_PUBLISH_INCOMPLETE_BATCH()
        engine = self.stream.engine
        if len(self._open) >= OPEN_MAX or engine.open_batches >= OPEN_OF_SERVER_MAX:
            raise errors.ATOMIC_PUBLISH_TOO_MANY_INFLIGHT()
        engine.open_batches += 1
        self._open[batch_id] = found = _Open()
        return found

    def _check_level(self, batch_id: bytes, draft: Draft) -> None:
        level = draft.fields.get(REQUIRED_LEVEL_HEADER)
        if level is None:
            return
        if demands_too_much(level):
            self._abandon(batch_id, "unsupported")
            raise errors.REQUIRED_API_LEVEL()
        draft.header = headers.without(draft.header, REQUIRED_LEVEL_HEADER)

    def _gather(self, batch_id: bytes, batch: _Open, draft: Draft, *, stored: bool) -> None:
        size = len(draft.subject) + len(draft.header) + len(draft.payload)
        if self._bytes + size > BYTES_MAX:
            self._abandon(batch_id, "large")
            raise errors.INSUFFICIENT_RESOURCES()
        self._bytes += size
        batch.size += size
        if stored:
            batch.drafts.append(draft)

    def _expect_more(self, batch_id: bytes, batch: _Open) -> None:
        if batch.timer is not None:
            batch.timer.cancel()
        batch.timer = self.stream.engine.after(IDLE_S, lambda: self._abandon(batch_id, "timeout"))

    def _abandon(self, batch_id: bytes, reason: str) -> None:
        self._forget(batch_id)
        stream = self.stream
        stream.account.advise(
            b"ADVISORY.STREAM.BATCH_ABANDONED." + stream.name.encode(),
            "io.nats.jetstream.advisory.v1.stream_batch_abandoned",
            {"stream": stream.name, "batch": batch_id.decode(errors="replace"), "reason": reason},
        )

    def _forget(self, batch_id: bytes) -> None:
        batch = self._open.pop(batch_id, None)
        if batch is None:
            return
        if batch.timer is not None:
            batch.timer.cancel()
        self._bytes -= batch.size
        self.stream.engine.open_batches -= 1


def _number(value: bytes | None) -> int | None:
    return int(value) if value and value.isdigit() and len(value) < 19 else None


# Checks of a whole batch -----------------------------------------------------------------------------


class Judge:
    """Looks at the messages of a batch one after the other, each as if those before it were stored."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream
        self._subjects: dict[bytes, int] = {}
        self._bytes = self._count = 0
        self._ids: set[bytes] = set()
        self._expected: dict[bytes, int] = {}
        self._totals: counters.Totals = {}

    def check(self, draft: Draft) -> None:
        """Raises ApiError, Stored; completes the draft."""
        stream = self._stream
        counters.check(stream, draft)
        expected_stream(stream, draft)
        ttl.check(stream, draft)
        ttl.apply(stream, draft)
        self._message_id(draft)
        reserved(stream, draft)
        if stream.config.allow_msg_counter:
            counters.count(stream, draft, self._totals)
            stream.intake.check_size(len(draft.header), len(draft.payload))
        self._last_sequence(draft)
        self._last_subject_sequence(draft)
        schedules.check(stream, draft)
        self._rollup(draft)
        self._limits(draft)

    def _message_id(self, draft: Draft) -> None:
        msg_id = draft.fields.get(b"Nats-Msg-Id", b"")
        if not msg_id:
            return
        seq = self._stream.duplicates.find(msg_id, self._stream.engine.now_ns())
        if seq or msg_id in self._ids:
            raise Stored(seq)
        self._ids.add(msg_id)
        draft.msg_id = msg_id

    def _last_sequence(self, draft: Draft) -> None:
        expected = draft.fields.get(_LAST_SEQ)
        if expected is None:
            return
        last = self._stream.store.index.last_seq + self._count
        if last != expected_number(expected):
            raise errors.STREAM_WRONG_LAST_SEQUENCE(seq=last)
        if self._count:
            raise errors.STREAM_WRONG_LAST_SEQUENCE_CONSTANT()

    def _last_subject_sequence(self, draft: Draft) -> None:
        expected = draft.fields.get(_LAST_SUBJECT_SEQ)
        other = draft.fields.get(_LAST_SUBJECT_SEQ_SUBJECT)
        if expected is None:
            if other is not None:
                raise errors.STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID()
            return
        subject = other or draft.subject
        if subject in self._subjects:
            raise errors.STREAM_WRONG_LAST_SEQUENCE_CONSTANT()
        index = self._stream.store.index
        last = self._expected.get(subject)
        if last is None:
            last = index.previous_matching(subject, index.last_seq + 1) or 0
            self._expected[subject] = last
        if last != expected_number(expected):
            raise errors.STREAM_WRONG_LAST_SEQUENCE(seq=last)

    def _rollup(self, draft: Draft) -> None:
        rollup = draft.fields.get(b"Nats-Rollup", b"").lower()
        if not rollup:
            return
        config = self._stream.config
        fault = ""
        if not config.allow_rollup_hdrs or config.deny_purge:
            fault = "rollup not permitted"
        elif rollup == b"sub":
            fault = "batch rollup sub invalid" if draft.subject in self._subjects else ""
        elif rollup == b"all":
            fault = "batch rollup all invalid" if self._subjects else ""
        else:
            fault = f'rollup value invalid: "{rollup.decode(errors="replace")}"'
        if fault:
            raise errors.STREAM_ROLLUP_FAILED(err=fault)
        draft.rollup = rollup

    def _limits(self, draft: Draft) -> None:
        """What the batch adds up to, where the stream would rather refuse than lose."""
        stream, subject = self._stream, draft.subject
        config, index = stream.config, stream.store.index
        self._subjects[subject] = self._subjects.get(subject, 0) + 1
        self._count += 1
        self._bytes += stream.store.stored_size(subject, draft.header, draft.payload)
        if stream.account.would_exceed(config.storage, index.bytes - stream.used + self._bytes):
            raise errors.ACCOUNT_RESOURCES_EXCEEDED()
        if config.discard != "new":
            return
        if 0 < config.max_msgs < index.messages + self._count:
            raise errors.STREAM_STORE_FAILED(err="maximum messages exceeded")
        if 0 < config.max_bytes < index.bytes + self._bytes:
            raise errors.STREAM_STORE_FAILED(err="maximum bytes exceeded")
        of_subject = index.subjects.count(subject) + self._subjects[subject]
        if (
            config.discard_new_per_subject
            and not draft.rollup
            and of_subject > config.max_msgs_per_subject
        ):
            raise errors.STREAM_STORE_FAILED(err="maximum messages per subject exceeded")
