"""Direct gets: messages answered as messages, by the stream's own subscription or that of a mirror.

    DIRECT.GET.<stream>            a request; ``batch`` and ``multi_last`` answer many messages and an end
    DIRECT.GET.<stream>.<subject>  the last message of that subject

Wire     NATS/1.0 · own fields · Nats-Stream, Nats-Subject, Nats-Sequence, Nats-Time-Stamp[, Nats-Num-Pending,
         Nats-Last-Sequence]; the end of many is ``204 EOB``
Source   ADR-31; nats-server ``stream.go`` (processDirectGetRequest)
Limit    ``MULTI_MAX`` filters and messages of one multi_last request; ``max_bytes``, else the server's ``max_pending``
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from broker.core.message import Message as Received
from broker.core.subscription import InternalSubscription
from broker.jetstream import json_form, times
from broker.jetstream.api_messages import JSApiMsgGetRequest, find
from broker.jetstream.errors import ApiError
from broker.jetstream.feature import Feature
from broker.jetstream.stream_config import StreamConfig
from broker.jetstream.versions import REQUIRED_LEVEL_HEADER, demands_too_much
from broker.protocol import headers
from broker.storage.store import Message
from broker.storage.subject_filter import is_literal

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

MULTI_MAX: Final = 1024
#: A stream and its mirrors share the requests.
_QUEUE: Final = b"_sys_"

#: Messages of an answer in one turn of the loop.
_TURN_MESSAGES: Final = 256

_LEVEL = b"412 Required Api Level"
_EMPTY = b"408 Empty Request"
_MALFORMED = b"408 Malformed Request"
_BAD = b"408 Bad Request"
_NOT_FOUND = b"404 Message Not Found"
_NO_RESULTS = b"404 No Results"
_TOO_MANY = b"413 Too Many Results"


class Refused(Exception):
    """The text of the status line that answers."""

    def __init__(self, status: bytes) -> None:
        self.status = status


class DirectGet(Feature):
    """Answers for the stream itself."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        self._subs: list[InternalSubscription] = []
        #: Behind it stands the subject of which the last message is wanted.
        self._lead = b""
        self._stream_field = b"Nats-Stream: %b\r\n" % stream.name.encode()

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.allow_direct

    def origin(self) -> str:
        """The stream whose name is in the subject."""
        return self.stream.name

    def start(self) -> None:
        account, name = self.stream.account, self.origin().encode()
        self._lead = b"DIRECT.GET.%b." % name
        self._subs = [
            *account.subscribe_api(b"DIRECT.GET." + name, self._receive, _QUEUE),
            *account.subscribe_api(b"DIRECT.GET.%b.>" % name, self._receive_by_subject, _QUEUE),
        ]

    def stop(self) -> None:
        self.stream.account.unsubscribe(self._subs)
        self._subs = []

    # Requests ---------------------------------------------------------------------------------------

    def _receive(self, message: Received) -> None:
        if not message.reply:
            return
        try:
            if not message.payload:
                _check_level(message)
                raise Refused(_EMPTY)
            asked = _decode(message)
            if not asked.names_a_message and not asked.multi_last:
                raise Refused(_EMPTY)
            if _contradicts_itself(asked):
                raise Refused(_BAD)
        except Refused as refused:
            self._status(message.reply, refused.status)
        else:
            self._answer(message.reply, asked)

    def _receive_by_subject(self, message: Received) -> None:
        if not message.reply:
            return
        subject = message.subject.partition(self._lead)[2]
        if not message.payload and not message.header and self._answer_last(message.reply, subject):
            return
        try:
            asked = _decode(message)
            if asked.names_a_message or _asks_for_many(asked):
                raise Refused(_BAD)
        except Refused as refused:
            self._status(message.reply, refused.status)
            return
        asked.last_by_subj = subject.decode(errors="surrogateescape")
        self._answer(message.reply, asked)

    def _answer_last(self, reply: bytes, subject: bytes) -> bool:
        """The usual request, in a bucket; False when it needs a closer look."""
        stream = self.stream
        seq = stream.store.index.subjects.last(subject) if is_literal(subject) else None
        message = stream.read(seq) if seq is not None else None
        if message is None:
            return False
        stream.account.answers.send_message(reply, self._header(message), message.payload)
        return True

    def _answer(self, reply: bytes, asked: JSApiMsgGetRequest) -> None:
        """Now, unless what is asked for is still on its way to the disk."""
        stream = self.stream
        if stream.store.index.last_seq >= stream.end and (
            _asks_for_many(asked) or (find(stream, asked) or 0) >= stream.end
        ):
            stream.when_settled(lambda _error: self._answer_now(reply, asked))
        else:
            self._answer_now(reply, asked)

    def _answer_now(self, reply: bytes, asked: JSApiMsgGetRequest) -> None:
        if asked.multi_last:
            self._go_on(reply, self._answer_multi(reply, asked))
        elif asked.batch:
            self._go_on(reply, self._answer_batch(reply, asked))
        else:
            self._answer_one(reply, asked)

    def _go_on(self, reply: bytes, answers: Iterator[None]) -> None:
        """Some messages in each turn of the loop, so that a large answer holds up nobody."""
        try:
            for _ in islice(answers, _TURN_MESSAGES):
                pass
            if next(answers, self) is self or self.stream.closed:
                return
        except Refused as refused:
            self._status(reply, refused.status)
            return
        self.stream.engine.after(0.0, partial(self._go_on, reply, answers))

    # Answers ----------------------------------------------------------------------------------------

    def _answer_one(self, reply: bytes, asked: JSApiMsgGetRequest) -> None:
        stream = self.stream
        seq = find(stream, asked)
        message = stream.read(seq) if seq is not None else None
        if message is None:
            self._status(reply, _NOT_FOUND)
            return
        header = b"" if asked.no_hdr else self._header(message)
        stream.account.publish(reply, message.payload, header=header)

    def _answer_batch(self, reply: bytes, asked: JSApiMsgGetRequest) -> Iterator[None]:
        stream = self.stream
        index, end, wanted = stream.store.index, stream.end, (asked.next_by_subj or ">").encode()
        start = asked.seq if asked.start_time is None else index.seq_at_time(asked.start_time)
        pending = index.count_matching(wanted, start, end)
        room = asked.max_bytes or self._bytes_max()
        previous = sent = 0
        while sent < asked.batch:
            seq = index.next_matching(wanted, start, end)
            if seq is None:
                break
            start = seq + 1
            message = stream.read(seq)
            if message is None:
                continue
            pending -= 0 if asked.no_hdr or pending == 0 else 1
            self._send_one_of_many(reply, asked, message, pending, previous)
            previous, sent = seq, sent + 1
            room -= _weight(message)
            if room <= 0:
                break
            yield
        if not sent and asked.batch > 0:
            raise Refused(_NOT_FOUND)
        self._end(reply, pending, previous)

    def _answer_multi(self, reply: bytes, asked: JSApiMsgGetRequest) -> Iterator[None]:
        stream = self.stream
        if len(asked.multi_last) > MULTI_MAX:
            raise Refused(_TOO_MANY)
        up_to = self._up_to(asked)
        seqs = self._last_of_each(asked.multi_last, up_to)
        if not seqs:
            raise Refused(_NO_RESULTS)
        if len(seqs) > MULTI_MAX:
            raise Refused(_TOO_MANY)
        room = asked.max_bytes or self._bytes_max()
        pending, previous, sent = len(seqs), 0, 0
        for seq in sorted(seqs):
            pending -= 1
            if seq < asked.seq:
                continue
            message = stream.read(seq)
            if message is None:
                raise Refused(_NOT_FOUND)
            self._send_one_of_many(reply, asked, message, pending, previous, with_header=True)
            previous, sent = seq, sent + 1
            room -= _weight(message)
            if room <= 0 or sent == asked.batch:
                break
            yield
        self._end(reply, pending, previous, b"Nats-UpTo-Sequence: %d\r\n" % up_to)

    def _up_to(self, asked: JSApiMsgGetRequest) -> int:
        index = self.stream.store.index
        if asked.up_to_time is None:
            return asked.up_to_seq or self.stream.end - 1
        seq = index.seq_at_time(asked.up_to_time)
        if seq <= index.first_seq():
            raise Refused(_NO_RESULTS)
        return seq - 1

    def _last_of_each(self, filters: list[str], up_to: int) -> set[int]:
        """The last sequence not above ``up_to`` of every subject that some filter takes; stops beyond the limit."""
        subjects, end = self.stream.store.index.subjects, min(up_to + 1, self.stream.end)
        found: set[int] = set()
        for subject_filter in filters:
            for each in subjects.matching(subject_filter.encode()):
                seq = subjects.previous_of(each, end)
                if seq is not None:
                    found.add(seq)
                if len(found) > MULTI_MAX:
                    return found
        return found

    def _send_one_of_many(
        self, reply: bytes, asked: JSApiMsgGetRequest, message: Message, pending: int,
        previous: int, *, with_header: bool = False,
    ) -> None:  # fmt: skip
        header = b""
        if with_header or not asked.no_hdr:
            fields = b"Nats-Num-Pending: %d\r\nNats-Last-Sequence: %d\r\n" % (pending, previous)
            header = self._header(message, fields)
        self.stream.account.publish(reply, message.payload, header=header)

    def _header(self, message: Message, fields: bytes = b"") -> bytes:
        own = message.header[:-2] if message.header else headers.PREFIX
        return b"%b%bNats-Subject: %b\r\nNats-Sequence: %d\r\nNats-Time-Stamp: %b\r\n%b\r\n" % (
            own,
            self._stream_field,
            message.subject,
            message.seq,
            times.time_text(message.time_ns).encode(),
            fields,
        )

    def _end(self, reply: bytes, pending: int, previous: int, fields: bytes = b"") -> None:
        self._status(
            reply,
            b"204 EOB\r\nNats-Num-Pending: %d\r\nNats-Last-Sequence: %d\r\n%b"
            % (pending, previous, fields),
        )

    def _status(self, reply: bytes, status: bytes) -> None:
        header = b"NATS/1.0 %b\r\n\r\n" % status.removesuffix(b"\r\n")
        self.stream.account.publish(reply, b"", header=header)

    def _bytes_max(self) -> int:
        return self.stream.engine.server.options.max_pending


class MirrorDirectGet(DirectGet):
    """Answers for the stream that is mirrored."""

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.mirror_direct and config.mirror is not None

    def origin(self) -> str:
        mirror = self.stream.config.mirror
        assert mirror is not None  # wanted
        return mirror.name


def _decode(message: Received) -> JSApiMsgGetRequest:
    _check_level(message)
    try:
        return json_form.decode(JSApiMsgGetRequest, message.payload, strict=False)
    except ApiError as error:
        raise Refused(_MALFORMED) from error


def _check_level(message: Received) -> None:
    if message.header and demands_too_much(headers.get(message.header, REQUIRED_LEVEL_HEADER)):
        raise Refused(_LEVEL)


def _asks_for_many(asked: JSApiMsgGetRequest) -> bool:
    return bool(asked.batch or asked.multi_last or asked.up_to_seq or asked.up_to_time is not None)


def _contradicts_itself(asked: JSApiMsgGetRequest) -> bool:
    return bool(
        asked.contradicts_itself
        or (asked.last_by_subj and (asked.batch > 0 or asked.multi_last))
        or (asked.next_by_subj and asked.multi_last)
        or (asked.up_to_seq and asked.up_to_time is not None)
    )


def _weight(message: Message) -> int:
    return len(message.subject) + len(message.header) + len(message.payload)
