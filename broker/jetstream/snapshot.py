"""``$JS.API.STREAM.SNAPSHOT``: a stream with its messages and consumers goes to a client, in chunks that it paces.

Wire     an S2 stream of an archive: ``state.json``, ``consumers/<name>``, every message, the end. A whole chunk has a
         reply, ``$JS.SNAPSHOT.ACK.<stream>.<id>.<size>.<n>``, that lets another one go; ``204`` ends it
Source   nats-server ``stream_backup.go``, ``jetstream_api.go`` (streamSnapshot)
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from broker.core.message import Message
from broker.core.subscription import InternalSubscription
from broker.jetstream import archive, errors, json_form, s2, stream_info, times
from broker.jetstream.api import Operation, Request, client_info
from broker.jetstream.archive import Entry
from broker.jetstream.environment import Timer
from broker.jetstream.subjects import is_literal, is_valid

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

_CHUNK_DEFAULT: Final = 128 * 1024
_WINDOW_DEFAULT: Final = 8 * 1024 * 1024
_SMALLEST: Final = 1024
_CHUNK_MAX: Final = 1024 * 1024
_WINDOW_MAX: Final = 32 * 1024 * 1024
#: Without an answer for so long the client is taken to be gone.
_ANSWER_S: Final = 5.0
_INTEREST_S: Final = 2.0
#: Clients subscribe after the answer, and may have a wildcard subscription that takes the subject as well but drops
#: what comes there: a subscription to the subject itself is waited for.
_NAMED_S: Final = 1.0
#: Bytes of messages that are read in one turn.
_TURN_BYTES: Final = 128 * 1024


@dataclass(slots=True)
class JSApiStreamSnapshotRequest:
    deliver_subject: str = json_form.text(omit=False)
    no_consumers: bool = json_form.flag()
    chunk_size: int = json_form.integer()
    window_size: int = json_form.integer()
    jsck: bool = json_form.flag()


@dataclass(slots=True)
class _Encode:
    """Checksums take their time: in a thread."""

    data: bytes
    encoded: bytes = b""

    def run(self) -> None:
        self.encoded = s2.encode(self.data)


def _snapshot(request: Request) -> None:
    if request.body.translate(None, b" \t\r\n") in (b"", b"{}"):
        raise errors.BAD_REQUEST()
    stream = request.stream()
    asked = json_form.decode(JSApiStreamSnapshotRequest, request.body, request.strict)
    if not (is_valid(asked.deliver_subject) and is_literal(asked.deliver_subject)):
        raise errors.SNAPSHOT_DELIVER_SUBJECT_INVALID()

    def begin(error: str) -> None:
        if error:
            request.fail(errors.STREAM_SNAPSHOT(err=error))
            return
        state = stream_info.state(stream)
        request.respond({"config": json_form.encode(stream.config), "state": state})
        Snapshot(stream, asked, state, client_info(stream.account, request.message)).start()

    stream.when_settled(begin)


class Snapshot:
    """One client's. Messages that are deleted meanwhile may be missing in it; later ones aren't in it."""

    def __init__(
        self,
        stream: "Stream",
        asked: JSApiStreamSnapshotRequest,
        state: dict[str, Any],
        client: dict[str, Any],
    ) -> None:
        self._stream = stream
        self._deliver = asked.deliver_subject.encode()
        self._chunk_bytes = _within(asked.chunk_size or _CHUNK_DEFAULT, _CHUNK_MAX)
        window = max(_within(asked.window_size or _WINDOW_DEFAULT, _WINDOW_MAX), self._chunk_bytes)
        self._slots = window // self._chunk_bytes
        self._state, self._client = state, client
        self._last_seq = stream.end - 1
        self._began_ns = stream.engine.now_ns()
        self._ack = f"$JS.SNAPSHOT.ACK.{stream.name}.{stream.engine.unique()}".encode()
        self._blocks = self._plain(with_consumers=not asked.no_consumers)
        self._ready = bytearray(s2.BEGIN)
        self._sublist = stream.account.core.sublist
        self._begun = self._read_all = self._encoding = self._done = False
        self._sent = 0
        self._subs: list[InternalSubscription] = []
        self._timer: Timer | None = None

    def start(self) -> None:
        stream = self._stream
        log.info("Starting snapshot for stream '%s > %s'", stream.account.name, stream.name)
        self._advise("SNAPSHOT_CREATE", "snapshot_create", {"state": self._state})
        self._subs = [stream.account.subscribe(self._ack + b".>", self._answered)]
        self._sublist.watch(self._deliver, self._heard)
        if self._is_heard_by_name():
            self._begin()
        else:
            heard = stream.account.has_interest(self._deliver)
            wait_s = _NAMED_S if heard else _INTEREST_S
            self._timer = stream.engine.after(wait_s, self._begin)

    def _is_heard_by_name(self) -> bool:
        return not self._sublist.is_of_family(self._deliver)

    def _heard(self) -> None:
        if not self._begun and self._is_heard_by_name():
            self._stream.engine.soon(self._begin)

    def _begin(self) -> None:
        if self._begun or self._done:
            return
        self._begun = True
        self._expect_answer()
        self._go_on()

    # What goes --------------------------------------------------------------------------------------

    def _plain(self, *, with_consumers: bool) -> Iterator[bytes]:
        """The archive, in pieces of about one turn."""
        consumers = self._stream.consumers.public() if with_consumers else []
        state = self._state | {"consumer_count": len(consumers)}
        now_ns = self._began_ns
        parts = [archive.MAGIC, _file(b"state.json", state, now_ns)]
        for consumer in consumers:
            name = archive.CONSUMERS + consumer.name.encode()
            parts.append(_file(name, _consumer(consumer, self._last_seq), now_ns))
        size = 0
        index = self._stream.store.index
        seq = index.next_seq(0)
        while seq is not None and seq <= self._last_seq:
            message = self._stream.read(seq)
            if message is not None:
                entry = Entry(
                    message.subject, message.time_ns, seq, message.header, message.payload
                )
                parts.append(archive.encode(entry))
                size += len(parts[-1])
            if size >= _TURN_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
            seq = index.next_seq(seq + 1)
        yield b"".join((*parts, archive.encode(archive.END)))

    def _go_on(self) -> None:
        """Send what may go, then read on."""
        if self._done:
            return
        account = self._stream.account
        if self._stream.closed or not account.has_interest(self._deliver):
            self._finish(b"408 No Interest", "no interest")
            return
        while self._slots and len(self._ready) >= self._chunk_bytes:
            chunk = bytes(self._ready[: self._chunk_bytes])
            del self._ready[: self._chunk_bytes]
            self._slots -= 1
            self._sent += 1
            reply = b"%b.%d.%d" % (self._ack, len(chunk), self._sent)
            account.publish(self._deliver, chunk, reply)
        if self._read_all:
            if len(self._ready) < self._chunk_bytes:
                if self._ready:
                    account.publish(self._deliver, bytes(self._ready))
                self._finish(b"204", "")
        elif self._slots and not self._encoding:
            self._read_on()

    def _read_on(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._read_all = True
            self._go_on()
            return
        job = _Encode(block)
        self._encoding = True

        def encoded(_error: OSError | None) -> None:
            self._encoding = False
            self._ready += job.encoded
            self._go_on()

        self._stream.engine.run_job(job, encoded)

    def _answered(self, message: Message) -> None:
        self._slots += 1
        self._expect_answer()
        self._go_on()

    # The end ----------------------------------------------------------------------------------------

    def _expect_answer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._stream.engine.after(_ANSWER_S, self._unanswered)

    def _unanswered(self) -> None:
        self._timer = None
        if self._slots or self._encoding:
            self._expect_answer()
        else:
            self._finish(b"408 No Flow Response", "no flow response")

    def _finish(self, status: bytes, error: str) -> None:
        if self._done:
            return
        self._done = True
        if self._timer is not None:
            self._timer.cancel()
        stream = self._stream
        self._sublist.unwatch(self._deliver, self._heard)
        stream.account.publish(self._deliver, b"", header=b"NATS/1.0 %b\r\n\r\n" % status)
        stream.account.unsubscribe(self._subs)
        end_ns = stream.engine.now_ns()
        span = {"start": times.time_text(self._began_ns), "end": times.time_text(end_ns)}
        self._advise(
            "SNAPSHOT_COMPLETE", "snapshot_complete", span, {"error": error} if error else {}
        )
        name = f"{stream.account.name} > {stream.name}"
        log.info("Snapshot for stream '%s' %s", name, f"failed: {error}" if error else "completed")

    def _advise(
        self, event: str, kind: str, fields: dict[str, Any], more: dict[str, Any] | None = None
    ) -> None:
        stream = self._stream
        stream.account.advise(
            f"ADVISORY.STREAM.{event}.{stream.name}".encode(),
            f"io.nats.jetstream.advisory.v1.{kind}",
            {"stream": stream.name, **fields, "client": self._client, **(more or {})},
        )


def _within(size: int, most: int) -> int:
    return min(max(_SMALLEST, size), most)


def _file(name: bytes, content: dict[str, Any], now_ns: int) -> bytes:
    return archive.encode(Entry(name, now_ns, 0, b"", json.dumps(content).encode()))


def _consumer(consumer: "Consumer", last_seq: int) -> dict[str, Any]:
    """Configuration and state, as far as the messages of the snapshot go."""
    state = consumer.ledger.record.state
    pending = {seq: each for seq, each in state.pending.items() if seq <= last_seq}
    floor_consumer_seq, floor_stream_seq = consumer.ledger.floor()
    shown: dict[str, Any] = {
        "delivered": {
            "consumer_seq": state.delivered_consumer_seq,
            "stream_seq": min(state.delivered_stream_seq, last_seq),
        },
        "ack_floor": {
            "consumer_seq": floor_consumer_seq,
            "stream_seq": min(floor_stream_seq, last_seq),
        },
    }
    if pending:
        shown["pending"] = {
            str(seq): {"Sequence": each.consumer_seq, "Timestamp": each.time_ns}
            for seq, each in pending.items()
        }
    again = {seq: each.deliveries - 1 for seq, each in pending.items() if each.deliveries > 1}
    again |= {seq: count for seq, count in state.exhausted.items() if seq <= last_seq}
    if again:
        shown["redelivered"] = {str(seq): count for seq, count in sorted(again.items())}
    return {"config": json_form.encode(consumer.config), "state": shown}


OPERATIONS: Final = (Operation("STREAM.SNAPSHOT", 1, "stream_snapshot_response", _snapshot),)
