"""A publish to a stream: every check in the order of nats-server, then it is staged; the answer follows its commit.

Wire     answer ``{"stream":"S","seq":7}``, with ``,"duplicate": true`` when it had been stored before;
         refused ``{"error":{…},"stream":"S","seq":0}``
Source   nats-server ``stream.go`` (processJetStreamMsg); ADR-8, ADR-22 for the headers
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from broker.core.message import Message
from broker.jetstream import counters, errors, json_form, schedules, ttl
from broker.jetstream.errors import ApiError
from broker.jetstream.plain_publish import FAST_BATCH, HEADER_MAX, PlainIntake
from broker.protocol.transform import Transform
from broker.storage.store import StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

_TOO_MANY: Final = b"NATS/1.0 429 Too Many Requests\r\n\r\n"
ID: Final = b"Nats-Batch-Id"
SEQUENCE: Final = b"Nats-Batch-Sequence"
COMMIT: Final = b"Nats-Batch-Commit"


class Draft:
    """A message with headers on its way into a stream; checks may change it."""

    __slots__ = (
        "ack_extra", "expires_ns", "fields", "grouped", "header", "mark", "msg_id", "payload", "reply", "rollup", "seq",
        "sourced", "subject", "time_ns",
    )  # fmt: skip

    def __init__(self, message: Message, subject: bytes, fields: dict[bytes, bytes]) -> None:
        self.subject = subject
        self.reply = message.reply
        self.header = message.header
        self.payload = message.payload
        #: The server's own fields of the header: those whose names begin with ``Nats-``.
        self.fields = fields
        self.msg_id = b""
        self.rollup = b""
        self.expires_ns = 0
        self.mark = 0
        #: From another stream or of the server's own: what only clients may not do is allowed.
        self.sourced = False
        #: Stored together with all others of its commit that say so, or not at all: batches; and copies, because the
        #: last one says how far the origin was copied.
        self.grouped = False
        #: Of a mirrored message: kept as they are. 0 = the next one, now.
        self.seq = self.time_ns = 0
        #: What stands after ``"seq":7`` in the answer.
        self.ack_extra = b""


class Stored(Exception):
    """The message is stored already; the answer says under which sequence."""

    def __init__(self, seq: int) -> None:
        self.seq = seq


Check = Callable[["Stream", Draft], None]


def fields_of(header: bytes) -> dict[bytes, bytes]:
    """The first value of each ``Nats-`` field; b"" is as good as absent."""
    if b"\r\nNats-" not in header:
        return {}
    found: dict[bytes, bytes] = {}
    for line in header.split(b"\r\n"):
        if line.startswith(b"Nats-"):
            name, _, value = line.partition(b":")
            value = value.strip(b" \t")
            if value:
                found.setdefault(name, value)
    return found


# Checks ----------------------------------------------------------------------------------------------


def expected_stream(stream: "Stream", draft: Draft) -> None:
    expected = draft.fields.get(b"Nats-Expected-Stream")
    if expected is not None and expected != stream.name.encode():
        raise errors.STREAM_NOT_MATCH()


def _expected_last_subject_sequence(stream: "Stream", draft: Draft) -> None:
    expected = draft.fields.get(b"Nats-Expected-Last-Subject-Sequence")
    subject = draft.fields.get(b"Nats-Expected-Last-Subject-Sequence-Subject")
    if expected is None:
        if subject is not None:
            raise errors.STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID()
        return
    index = stream.store.index
    if subject is None:
        last = index.subjects.last(draft.subject) or 0
    else:
        last = index.previous_matching(subject, index.last_seq + 1) or 0
    if last != expected_number(expected):
        raise errors.STREAM_WRONG_LAST_SEQUENCE(seq=last)


def _expected_last_sequence(stream: "Stream", draft: Draft) -> None:
    expected = draft.fields.get(b"Nats-Expected-Last-Sequence")
    last = stream.store.index.last_seq
    if expected is not None and last != expected_number(expected):
        raise errors.STREAM_WRONG_LAST_SEQUENCE(seq=last)


def expected_number(value: bytes) -> int:
    """-1, which no sequence is, for what is no number."""
    return int(value) if value.isdigit() and len(value) < 20 else -1


def reserved(stream: "Stream", draft: Draft) -> None:
    """Only the server says where a message came from."""
    if counters.STREAM_SOURCE in draft.fields and not draft.sourced:
        raise errors.MESSAGE_SOURCE_HDR_NOT_ALLOWED()


def _message_id(stream: "Stream", draft: Draft) -> None:
    draft.msg_id = draft.fields.get(b"Nats-Msg-Id", b"")
    if draft.msg_id and stream.config.mirror is None:
        seq = stream.duplicates.find(draft.msg_id, stream.engine.now_ns())
        if seq:
            raise Stored(seq)


def expected_last_message_id(stream: "Stream", draft: Draft) -> None:
    expected = draft.fields.get(b"Nats-Expected-Last-Msg-Id")
    if expected is not None and expected != stream.last_msg_id:
        last = stream.last_msg_id.decode(errors="replace")
        raise errors.STREAM_WRONG_LAST_MSG_ID(id=last)


def _rollup(stream: "Stream", draft: Draft) -> None:
    rollup = draft.fields.get(b"Nats-Rollup")
    if rollup is None:
        return
    if not stream.config.allow_rollup_hdrs or stream.config.deny_purge:
        if draft.sourced:
            return
        raise errors.STREAM_ROLLUP_FAILED(err="rollup not permitted")
    draft.rollup = rollup.lower()
    if draft.rollup not in (b"sub", b"all"):
        text = draft.rollup.decode(errors="replace")
        raise errors.STREAM_ROLLUP_FAILED(err=f'rollup value invalid: "{text}"')


#: In nats-server's order.
CHECKS: Final[tuple[Check, ...]] = (
    counters.check,
    expected_stream,
    ttl.check,
    _expected_last_subject_sequence,
    _expected_last_sequence,
    schedules.check,
    reserved,
    _message_id,
    expected_last_message_id,
    _rollup,
)


# The way in ------------------------------------------------------------------------------------------


class Intake(PlainIntake):
    """The receiver of a stream's subjects. What depends on the configuration alone is worked out once."""

    _stream: "Stream"

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        self.configure()

    def configure(self) -> None:
        """After the stream's configuration or the account's limits changed."""
        stream = self._stream
        config, account = stream.config, stream.account
        #: A new message may make old ones go.
        self.limited = (
            config.max_msgs > 0 or config.max_bytes > 0 or config.max_msgs_per_subject > 0
        )
        self._per_subject = max(config.max_msgs_per_subject, 0)
        self._limited_as_a_whole = config.max_msgs > 0 or config.max_bytes > 0
        self._aging = config.max_age > 0
        self._no_ack = config.no_ack
        self._message_max = config.max_msg_size if config.max_msg_size >= 0 else 1 << 62
        self._refuses_new = config.discard == "new" and (
            self._limited_as_a_whole or config.discard_new_per_subject
        )
        self._interest = config.retention == "interest"
        self._counts = config.allow_msg_counter
        transform = config.subject_transform
        self._transform = (
            Transform(transform.src.encode(), transform.dest.encode())
            if transform and transform.dest
            else None
        )
        options = account.engine.options
        self._buffered_msgs = options.max_buffered_msgs
        self._buffered_bytes = options.max_buffered_bytes
        of_server = options.max_memory if config.storage == "memory" else options.max_store
        self._server_max = of_server if of_server >= 0 else 1 << 62
        domain = f',"domain":"{options.domain}"' if options.domain else ""
        self.ack_head = b'{"stream":"%b"%b,"seq":' % (stream.name.encode(), domain.encode())
        self._in_memory = config.storage == "memory"
        terms = account.terms
        of_account = -1 if terms is None else terms.memory if self._in_memory else terms.store
        self._account_max = of_account if of_account >= 0 else 1 << 62
        self.plain = terms is not None and not (
            config.sealed or self._no_ack or self._refuses_new or self._interest or self._counts or transform
        )  # fmt: skip

    def receive_any(self, message: Message) -> None:
        """A publish that the stream's subjects take, whatever it is."""
        stream = self._stream
        header, payload, reply = message.header, message.payload, message.reply
        if self._no_ack:
            reply = b""
        if (
            stream.buffered_bytes > self._buffered_bytes
            or stream.store.index.last_seq - stream.store.committed_seq > self._buffered_msgs
        ):
            self._refuse_for_now(reply)
            return
        try:
            if stream.config.sealed:
                raise errors.STREAM_SEALED()
            if message.via or reply.endswith(FAST_BATCH):
                asked_with = stream.account.core.responses.asked_with(message.reply)
                if asked_with.endswith(FAST_BATCH):
                    self._receive_of_fast_batch(message, asked_with)
                    return
            self.check_size(len(header), len(payload))
            if header:
                self._receive_with_header(message, reply)
                return
            if self._counts:
                raise errors.MESSAGE_INCR_MISSING()
            subject = (
                message.subject if self._transform is None else self.stored_as(message.subject)
            )
            if self.unwanted(subject, 0, len(payload)):
                seq = stream.append_nothing(subject)
            else:
                seq = stream.append(subject, b"", payload)
            stream.last_msg_id = b""
            if reply:
                stream.acknowledge(reply, b"%b%d}" % (self.ack_head, seq))
        except ApiError as error:
            self.refuse(reply, error)
        except StoreFailed as error:
            self.refuse(reply, errors.STREAM_STORE_FAILED(err=str(error)))

    def _receive_with_header(self, message: Message, reply: bytes) -> None:
        stream = self._stream
        draft = Draft(message, self.stored_as(message.subject), fields_of(message.header))
        if ID in draft.fields:
            self._receive_of_batch(draft, reply)
            return
        try:
            seq = self.take(draft)
        except Stored as stored:
            if reply:
                text = b'%b%d,"duplicate": true}' % (self.ack_head, stored.seq)
                stream.acknowledge(reply, text)
            return
        if reply:
            stream.acknowledge(reply, b"%b%d%b}" % (self.ack_head, seq, draft.ack_extra))

    def _receive_of_batch(self, draft: Draft, reply: bytes) -> None:
        """A message of an atomic batch; the last one stores all of them."""
        stream = self._stream
        self._check_server()
        self._check_account(draft.subject, len(draft.header) + len(draft.payload))
        if stream.batches is None:
            raise errors.ATOMIC_PUBLISH_DISABLED()
        drafts = stream.batches.receive(draft)
        if not drafts:
            if reply:
                stream.account.publish(reply, b"")
            return
        stream.batches.check(drafts)
        seq = 0
        for each in drafts:
            each.grouped = True
            seq = self.store(each, checked=True)
        if reply:
            batch_id = draft.fields[ID].decode(errors="replace")
            extra = b',"batch":%b,"count":%d}' % (json_form.dumps(batch_id), len(drafts))
            stream.acknowledge(reply, b"%b%d%b" % (self.ack_head, seq, extra))

    def _receive_of_fast_batch(self, message: Message, asked_with: bytes) -> None:
        """``asked_with``: the reply subject that the publisher gave."""
        stream, subject = self._stream, self.stored_as(message.subject)
        self._check_server()
        self._check_account(subject, message.size)
        self.check_size(len(message.header), len(message.payload))
        if stream.fast_batches is None:
            raise errors.BATCH_PUBLISH_DISABLED()
        stream.fast_batches.receive(message, subject, asked_with)

    def stored_as(self, subject: bytes) -> bytes:
        """The subject that a message is stored under; one that the transform doesn't cover stays as it is."""
        if self._transform is None:
            return subject
        return self._transform.match(subject, self._stream.account.core.random) or subject

    def take(self, draft: Draft) -> int:
        """Check and stage; returns the sequence. Raises ApiError, StoreFailed, Stored."""
        stream = self._stream
        if draft.fields:
            for check in CHECKS:
                check(stream, draft)
        if self._counts:
            counters.count(stream, draft)
            self.check_size(len(draft.header), len(draft.payload))
        return self.store(draft)

    def store_own(
        self, subject: bytes, header: bytes, payload: bytes, *, copy: bool = False
    ) -> int:
        """A message of the server's own, or ``copy``: of a source. Raises ApiError, StoreFailed."""
        draft = Draft(Message(subject, b"", header, payload), subject, fields_of(header))
        draft.sourced, draft.grouped = True, copy
        return self.take(draft)

    def store_copy(
        self, subject: bytes, header: bytes, payload: bytes, seq: int, time_ns: int
    ) -> None:
        """A mirrored message, under its own sequence and time. Raises ApiError, StoreFailed."""
        subject = self.stored_as(subject)
        draft = Draft(Message(subject, b"", header, payload), subject, fields_of(header))
        draft.sourced = draft.grouped = True
        draft.seq, draft.time_ns = seq, time_ns
        self.take(draft)

    def store(self, draft: Draft, *, checked: bool = False) -> int:
        """Stage what passed the checks of its headers; returns its sequence. ``checked``: limits were looked at for the
        whole batch. Raises ApiError, StoreFailed."""
        stream, subject = self._stream, draft.subject
        if self._is_unwanted(draft, checked):
            seq = stream.append_nothing(subject, draft.seq, draft.time_ns, grouped=draft.grouped)
        else:
            if draft.fields and not checked:
                ttl.apply(stream, draft)
            seq = stream.append(
                subject, draft.header, draft.payload, time_ns=draft.time_ns, seq=draft.seq,
                expires_ns=draft.expires_ns, mark=draft.mark, grouped=draft.grouped,
            )  # fmt: skip
        stream.last_msg_id = draft.msg_id
        if draft.msg_id:
            stream.duplicates.add(draft.msg_id, seq, stream.store.index.last_time_ns)
        if draft.rollup:
            self._roll_up(draft, seq)
        if schedules.NEXT in draft.fields:
            schedules.purge_after(stream, draft)
        return seq

    def _is_unwanted(self, draft: Draft, checked: bool) -> bool:
        if checked:
            return self._interest and not self._stream.consumers.has_interest(draft.subject)
        return self.unwanted(draft.subject, len(draft.header), len(draft.payload), draft.rollup)

    def check_size(self, header_size: int, size: int) -> None:
        """Raises ApiError."""
        if header_size + size > self._message_max:
            raise errors.STREAM_MESSAGE_EXCEEDS_MAXIMUM()
        if header_size > HEADER_MAX:
            raise errors.STREAM_HEADER_EXCEEDS_MAXIMUM()

    def unwanted(self, subject: bytes, header_size: int, size: int, rollup: bytes = b"") -> bool:
        """Interest and limits. True when the message isn't kept because no consumer wants it. Raises ApiError."""
        self._check_server()
        if self._interest and not self._stream.consumers.has_interest(subject):
            return True
        self._check_account(subject, header_size + size)
        if self._refuses_new:
            self._refuse_new(subject, header_size, size, rollup)
        return False

    def _check_server(self) -> None:
        stream = self._stream
        engine = stream.engine
        in_memory = stream.config.storage == "memory"
        if (engine.memory_bytes if in_memory else engine.store_bytes) > self._server_max:
            raise errors.INSUFFICIENT_RESOURCES()

    def _check_account(self, subject: bytes, size: int) -> None:
        stream = self._stream
        more = stream.store.index.bytes - stream.used + size + len(subject)
        if stream.account.would_exceed(stream.config.storage, more):
            raise errors.ACCOUNT_RESOURCES_EXCEEDED()

    def _refuse_new(self, subject: bytes, header_size: int, size: int, rollup: bytes) -> None:
        stream = self._stream
        config, index = stream.config, stream.store.index
        per_subject = config.max_msgs_per_subject
        full = per_subject > 0 and index.subjects.count(subject) + 1 > per_subject
        if full and config.discard_new_per_subject and not rollup:
            raise errors.STREAM_STORE_FAILED(err="maximum messages per subject exceeded")
        if 0 < config.max_msgs <= index.messages and not full:
            raise errors.STREAM_STORE_FAILED(err="maximum messages exceeded")
        if config.max_bytes > 0:
            more = stream.store.stored_size(subject, bytes(header_size), bytes(size))
            goes = index.size_of(index.subjects.first(subject) or 0) if full else 0
            if index.bytes + more > config.max_bytes and goes < more:
                raise errors.STREAM_STORE_FAILED(err="maximum bytes exceeded")

    def _roll_up(self, draft: Draft, seq: int) -> None:
        stream = self._stream
        if draft.rollup == b"all":
            stream.remove_below(seq)
            return
        subjects = stream.store.index.subjects
        # A subject with wildcards rolls up whatever it would match.
        names = [subjects.name(each) for each in subjects.matching(draft.subject)]
        for name in names:
            for each in subjects.sequences(name):
                if each != seq:
                    stream.remove(each, "Purge")

    # Refusing ---------------------------------------------------------------------------------------

    def refuse(self, reply: bytes, error: ApiError) -> None:
        if reply:
            body = {"error": error.to_json(), "stream": self._stream.name, "seq": 0}
            self._stream.account.publish(reply, json_form.dumps(body))

    def _refuse_for_now(self, reply: bytes) -> None:
        """The disk is behind. Dropped, counted and, where an answer is wanted, said."""
        stream = self._stream
        stream.dropped_msgs += 1
        if stream.dropped_msgs == 1:
            name = f"{stream.account.name} > {stream.name}"
            log.warning("JetStream stream %s: publishes come faster than the disk takes them", name)
        if reply:
            error = errors.STREAM_TOO_MANY_REQUESTS().to_json()
            body = {"error": error, "stream": stream.name, "seq": 0}
            stream.account.publish(reply, json_form.dumps(body), b"", _TOO_MANY)

    def refuse_all(self, replies: list[bytes], error: str) -> None:
        """The write failed of which these wait for the end."""
        for reply in replies:
            self.refuse(reply, errors.STREAM_STORE_FAILED(err=error))
