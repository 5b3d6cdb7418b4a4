"""Fast batches: messages of one publisher that are stored one by one, and acknowledged every so many.

    reply subject    ``<inbox>.<batch>.<flow>.<gap>.<n>.<operation>.$FI``; ``flow``: messages per acknowledgement at
                     most, ``gap``: ``ok`` or ``fail``, ``n``: 1, 2, …, ``operation``: ``0`` first message, ``1``
                     further one, ``2`` last one, ``3`` end without a message, ``4`` ping about ``n`` messages
    to the publisher ``{"type":"ack","seq":n,"msgs":flow}`` all up to n are on disk, the next one comes ``flow`` later
                     ``{"type":"gap","last_seq":expected,"seq":n}`` ``{"type":"err","seq":n,"error":{…}}`` at once
                     ``{"stream":"S","seq":7,"batch":"…","count":n}`` the end: all of it is on disk

With ``gap`` `fail` a gap or a message that is refused ends the batch with what came before; with `ok` it goes on.
Source   ADR-50; nats-server ``stream.go`` (processJetStreamFastBatchMsg), ``jetstream_batching.go`` (fastBatch)
Limit    ``OPEN_MAX`` batches of a stream, ``OPEN_OF_SERVER_MAX`` of a server, ``IDLE_S`` without a message
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from broker.core.message import Message
from broker.jetstream import errors, json_form
from broker.jetstream.batch import Judge
from broker.jetstream.environment import Timer
from broker.jetstream.errors import ApiError
from broker.jetstream.feature import Feature
from broker.jetstream.publish import Draft, Stored, expected_last_message_id, fields_of
from broker.jetstream.stream_config import StreamConfig
from broker.jetstream.versions import REQUIRED_LEVEL_HEADER, demands_too_much
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

OPEN_MAX: Final = 1000
OPEN_OF_SERVER_MAX: Final = 50_000
IDLE_S: Final = 10.0
#: Messages per acknowledgement, of all batches of a stream together.
_FLOW_MAX: Final = 500
_FLOW_DEFAULT: Final = 10
_ID_MAX: Final = 64
_FIRST, _FURTHER, _LAST, _END, _PING = range(5)


class Step(NamedTuple):
    """What the reply subject of one message says."""

    batch: bytes
    flow: int
    gaps: bool
    number: int
    operation: int


def step_of(reply: bytes) -> Step | None:
    """None for what follows no pattern of fast batches."""
    parts = reply.rsplit(b".", 6)
    if len(parts) < 7:
        return None
    _, batch, flow_text, gap, number_text, operation_text, _ = parts
    operation, number = _natural(operation_text), _natural(number_text)
    if not 0 <= operation <= _PING or not 0 < number < 2**64 - 1 or gap not in (b"ok", b"fail"):
        return None
    if operation in ((_FURTHER, _END) if number == 1 else (_FIRST,)):
        return None
    flow = _natural(flow_text)
    flow = min(flow, 2**16 - 1) if flow > 0 else _FLOW_DEFAULT
    return Step(batch, flow, gap == b"ok", number, operation)


def _natural(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= 20 else -1


@dataclass(slots=True)
class _Open:
    """A batch that goes on. Its numbers are those of the publisher."""

    id: bytes
    gaps: bool
    flow_max: int
    flow: int
    heard_ns: int
    last: int = 0
    #: The last one that was stored, or needn't be, and up to which an acknowledgement was promised.
    stored: int = 0
    acked: int = 0
    #: The stream's sequence of the last one that was stored.
    seq: int = 0
    #: It ends, and waits for the disk.
    ended: bool = False
    timer: Timer | None = None


class FastBatches(Feature):
    """The open fast batches of one stream."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        self._open: dict[bytes, _Open] = {}

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.allow_batched

    def start(self) -> None:
        self.stream.fast_batches = self

    def stop(self) -> None:
        self.stream.fast_batches = None
        for batch in list(self._open.values()):
            self._forget(batch)

    def receive(self, message: Message, subject: bytes, asked_with: bytes) -> None:
        """A message to be stored under ``subject``; ``asked_with`` is the reply subject that its publisher gave, maybe
        in another account. Raises ApiError, StoreFailed."""
        step = step_of(asked_with)
        if step is None:
            raise errors.BATCH_PUBLISH_INVALID_PATTERN()
        if len(step.batch) > _ID_MAX:
            raise errors.BATCH_PUBLISH_INVALID_BATCH_ID()
        batch = self._open.get(step.batch) or self._begin(step)
        draft = Draft(message, subject, fields_of(message.header))
        self._check_level(batch, draft)
        if batch.ended:
            return
        batch.heard_ns = self.stream.engine.now_ns()
        if step.operation == _PING:
            self._answer_ping(batch, step, message.reply)
        elif self._follows(batch, step, message.reply):
            self._take(batch, step, draft)

    # One batch --------------------------------------------------------------------------------------

    def _begin(self, step: Step) -> _Open:
        if step.number != 1 or step.operation == _PING:
            raise errors.BATCH_PUBLISH_UNKNOWN_BATCH_ID()
        engine = self.stream.engine
        if len(self._open) >= OPEN_MAX or engine.open_fast_batches >= OPEN_OF_SERVER_MAX:
            raise errors.BATCH_PUBLISH_TOO_MANY_INFLIGHT()
        engine.open_fast_batches += 1
        flow = 1 if self._open else min(step.flow, _FLOW_MAX)
        batch = _Open(step.batch, step.gaps, step.flow, flow, engine.now_ns())
        self._open[step.batch] = batch
        batch.timer = engine.after(IDLE_S, partial(self._look_after, batch))
        return batch

    def _check_level(self, batch: _Open, draft: Draft) -> None:
        level = draft.fields.get(REQUIRED_LEVEL_HEADER)
        if level is None:
            return
        if demands_too_much(level):
            self._forget(batch)
            raise errors.REQUIRED_API_LEVEL()
        draft.header = headers.without(draft.header, REQUIRED_LEVEL_HEADER)

    def _follows(self, batch: _Open, step: Step, reply: bytes) -> bool:
        """False when a gap ends the batch."""
        expected = batch.last + 1
        if step.number == expected:
            return True
        self._say(reply, type="gap", last_seq=expected, seq=step.number)
        if batch.gaps and step.number > expected:
            return True
        self._end(batch, reply)
        return False

    def _take(self, batch: _Open, step: Step, draft: Draft) -> None:
        reply = draft.reply
        if step.operation == _END:
            batch.last = step.number - 1
            self._end(batch, reply)
            return
        batch.last = step.number
        if step.operation == _FIRST and not self.stream.config.no_ack:
            self._say(reply, type="ack", seq=0, msgs=batch.flow)
        try:
            batch.seq = self._store(draft)
        except Stored as stored:
            self._skip(batch, step, reply, stored.seq)
            return
        except ApiError as error:
            self._leave_out(batch, step, reply, error)
            return
        batch.stored = batch.last
        if step.operation == _LAST:
            self._end(batch, reply)
        else:
            self._control_flow(batch, reply)

    def _store(self, draft: Draft) -> int:
        """Raises ApiError, StoreFailed, Stored."""
        stream = self.stream
        config = stream.config
        if not (draft.fields or config.allow_msg_counter or config.discard == "new"):
            return stream.intake.store(draft)
        Judge(stream).check(draft)
        expected_last_message_id(stream, draft)
        return stream.intake.store(draft, checked=True)

    def _skip(self, batch: _Open, step: Step, reply: bytes, seq: int) -> None:
        """The message is in the stream already."""
        batch.stored = batch.last
        self._control_flow(batch, reply)
        if step.operation != _LAST:
            return
        if batch.last > 1 or batch.gaps:
            self._end(batch, reply)
            return
        self._confirm(batch, reply, seq, b',"duplicate": true')
        self._forget(batch)

    def _leave_out(self, batch: _Open, step: Step, reply: bytes, error: ApiError) -> None:
        if batch.last == 1 and not batch.gaps:
            self._forget(batch)
            raise error
        self._say(reply, type="err", seq=step.number, error=error.to_json())
        if not batch.gaps or step.operation == _LAST:
            batch.last -= 1
            self._end(batch, reply)

    def _answer_ping(self, batch: _Open, step: Step, reply: bytes) -> None:
        if step.number > batch.last:
            self._say(reply, type="gap", last_seq=batch.last + 1, seq=step.number + 1)
            if not batch.gaps:
                self._end(batch, reply)
                return
            batch.last = batch.stored = step.number
            if self._control_flow(batch, reply):
                return
        self._acknowledge(batch, reply)

    # Answers ----------------------------------------------------------------------------------------

    def _control_flow(self, batch: _Open, reply: bytes) -> bool:
        """Acknowledge when it's time to. The more batches a stream has, the more often each is stopped."""
        rounds = (batch.stored - batch.acked) // batch.flow
        if rounds < 1:
            return False
        batch.acked += rounds * batch.flow
        most = min(max(_FLOW_MAX // len(self._open), 1), batch.flow_max)
        if batch.flow < most:
            batch.flow = min(batch.flow * 2, most)
        else:
            batch.flow = max(batch.flow // 2, most)
        self._acknowledge(batch, reply)
        return True

    def _acknowledge(self, batch: _Open, reply: bytes) -> None:
        text = b'{"type":"ack","seq":%d,"msgs":%d}' % (batch.acked, batch.flow)
        self.stream.acknowledge(reply, text)

    def _say(self, reply: bytes, **fields: object) -> None:
        """Promises nothing, so it needn't wait for the disk."""
        self.stream.account.publish(reply, json_form.dumps(fields))

    def _confirm(self, batch: _Open, reply: bytes, seq: int, extra: bytes = b"") -> None:
        name = json_form.dumps(batch.id.decode(errors="replace"))
        head = self.stream.intake.ack_head
        text = b'%b%d%b,"batch":%b,"count":%d}' % (head, seq, extra, name, batch.last)
        self.stream.acknowledge(reply, text)

    # The end ----------------------------------------------------------------------------------------

    def _end(self, batch: _Open, reply: bytes) -> None:
        """Confirms once all is on disk; until then the publisher may still send, and needn't be told more."""
        batch.ended = True
        self._confirm(batch, reply, batch.seq)
        self.stream.when_settled(lambda _error: self._forget(batch))

    def _look_after(self, batch: _Open) -> None:
        """Forgets a batch of which nothing was heard for long."""
        engine = self.stream.engine
        left_s = IDLE_S - (engine.now_ns() - batch.heard_ns) / 1e9
        if left_s > 0:
            batch.timer = engine.after(left_s, partial(self._look_after, batch))
        else:
            self._forget(batch)

    def _forget(self, batch: _Open) -> None:
        if self._open.get(batch.id) is not batch:
            return
        del self._open[batch.id]
        if batch.timer is not None:
            batch.timer.cancel()
        self.stream.engine.open_fast_batches -= 1
