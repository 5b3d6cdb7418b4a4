"""``$JS.API.STREAM.RESTORE``: a stream comes into being from a snapshot, one of ours or nats-server's, old or new.

The client sends chunks to the subject that the answer names, each with a reply, and an empty one at the end, whose
answer is that of a creation. The stream takes no messages before that; when the snapshot ends early or is damaged, or
the broker does, it is removed.
Source   nats-server ``stream_backup.go`` (RestoreStreamV2), ``jetstream_api.go`` (processStreamRestore)
"""

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from broker.core.message import Message
from broker.core.subscription import InternalSubscription
from broker.jetstream import (
    api_streams,
    archive,
    creation,
    errors,
    json_form,
    s2,
    schedules,
    stream_info,
    stream_rules,
    tar_archive,
    times,
    ttl,
    versions,
)
from broker.jetstream.api import TYPE, Operation, Request, client_info
from broker.jetstream.archive import CONSUMERS, Entry
from broker.jetstream.environment import Timer
from broker.jetstream.errors import ApiError
from broker.jetstream.publish import fields_of
from broker.jetstream.restore_content import (
    RestoreError,
    consumer_of,
    expiry_of,
    moment_in,
    number_in,
    object_of,
)
from broker.jetstream.stream_config import StreamConfig
from broker.storage.store import StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount

log = logging.getLogger("broker")

#: Without a chunk for so long the client is taken to be gone.
_SILENCE_S: Final = 10.0
#: Chunks that may wait to be decoded.
_WAITING_MAX: Final = 64
#: Entries of a snapshot that are looked at per turn.
_TURN_ENTRIES: Final = 1000


@dataclass(slots=True)
class JSApiStreamRestoreRequest:
    config: StreamConfig = json_form.nested(StreamConfig, optional=False, omit=False)
    #: What the client knows of the stream; the snapshot itself is believed.
    state: Any = json_form.anything()


class _Source:
    """Chunks in, entries out. ``reader`` is known when the first bytes have told the form."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._decoder = s2.Decoder()
        self._head = b""
        self.reader: archive.Reader | tar_archive.Reader | None = None

    @property
    def ended(self) -> bool:
        return self.reader is not None and self.reader.ended

    @property
    def files(self) -> tar_archive.Reader | None:
        """The reader of the older form."""
        return self.reader if isinstance(self.reader, tar_archive.Reader) else None

    def feed(self, data: bytes) -> list[Entry]:
        """Raises S2Error, ArchiveError."""
        data = self._decoder.feed(data)
        if self.reader is None:
            data = self._head + data
            if len(data) < len(archive.MAGIC):
                self._head = data
                return []
            form = archive if data.startswith(archive.MAGIC) else tar_archive
            self.reader = form.Reader(self._size_max)
        return self.reader.feed(data)


@dataclass(slots=True)
class _Decode:
    """Decoding takes its time: in a thread. What is wrong with the data is no error of the disk."""

    source: _Source
    data: bytes
    entries: deque[Entry] = field(default_factory=deque)
    error: str = ""

    def run(self) -> None:
        try:
            self.entries.extend(self.source.feed(self.data))
        except ValueError as error:
            self.error = str(error)


def _restore(request: Request) -> None:
    if request.body.translate(None, b" \t\r\n") in (b"", b"{}"):
        raise errors.BAD_REQUEST()
    asked = json_form.decode(JSApiStreamRestoreRequest, request.body, request.strict)
    account, name = request.account, request.tokens[0]
    asked.config.name = asked.config.name or name
    if asked.config.name != name:
        raise errors.STREAM_MISMATCH()
    if name in account.streams:
        raise errors.STREAM_NAME_EXIST_RESTORE_FAILED()
    creation.check_room(account, asked.config, None)
    limits = creation.limits_of(account)
    config = stream_rules.checked_config(asked.config, False, limits, account.config_of)
    if stream_rules.overlaps_others(config, (each.config for each in account.streams.values())):
        raise errors.STREAM_SUBJECT_OVERLAP()
    config.metadata = versions.with_level(config.metadata, versions.level_of_stream(config))
    restore = Restore(account, config, client_info(account, request.message))
    request.respond({"deliver_subject": restore.subject.decode()})


class Restore:
    """One snapshot on its way in."""

    def __init__(
        self, account: "JetStreamAccount", config: StreamConfig, client: dict[str, Any]
    ) -> None:
        engine = account.engine
        self._account, self._engine, self._client = account, engine, client
        self.subject = f"$JS.SNAPSHOT.RESTORE.{config.name}.{engine.unique()}".encode()
        self._began_ns = engine.now_ns()
        self.stream = creation.add(account, config, self._began_ns, restoring=True)
        size_max = engine.server.options.max_payload + 64 * 1024
        self._source = _Source(size_max)
        self._waiting: list[Message] = []
        self._working = self._done = False
        self._bytes = 0
        self._state: dict[str, Any] | None = None
        self._consumers: list[dict[str, Any]] = []
        self._first_seq = self._last_seq = 0
        self._timer: Timer | None = None
        self._advise("RESTORE_CREATE", "restore_create", {"client": client})
        self._sub: InternalSubscription = account.subscribe(self.subject, self._receive)
        self._expect()

    # Chunks -----------------------------------------------------------------------------------------

    def _receive(self, message: Message) -> None:
        if self._done:
            return
        if not message.reply or len(self._waiting) >= _WAITING_MAX:
            self._fail("each chunk needs a reply subject, and its answer", message.reply)
            return
        self._expect()
        self._waiting.append(message)
        if not self._working:
            self._next()

    def _next(self) -> None:
        if not self._waiting or self._done:
            return
        message = self._waiting.pop(0)
        if not message.payload:
            self._end(message.reply)
            return
        self._bytes += len(message.payload)
        job = _Decode(self._source, message.payload)
        self._working = True
        self._engine.run_job(job, lambda _error: self._work(job, message.reply))

    def _work(self, job: _Decode, reply: bytes) -> None:
        """Some of what a chunk held; then others get their turn."""
        if self._done:
            return
        entries = [job.entries.popleft() for _ in range(min(len(job.entries), _TURN_ENTRIES))]
        try:
            if self.stream.closed:
                raise RestoreError("the stream is gone")
            self._check_room(sum(len(each.header) + len(each.payload) for each in entries))
            for entry in entries:
                self._take(entry)
            if job.error and not job.entries:
                raise RestoreError(job.error)
        except (RestoreError, StoreFailed, ApiError) as error:
            self._fail(str(error), reply)
            return
        if job.entries:
            self._engine.soon(lambda: self._work(job, reply))
            return
        self._working = False
        self.stream.when_settled(lambda error: self._answer(reply, error))

    def _answer(self, reply: bytes, error: str) -> None:
        if self._done:
            return
        if error:
            self._fail(error, reply)
            return
        self._expect()
        self._account.publish(reply, b"")
        self._next()

    def _take(self, entry: Entry) -> None:
        older = self._source.files is not None
        if self._state is None and not older:
            if entry.name != b"state.json":
                raise RestoreError("expected state.json first")
            self._begin(object_of(entry.payload, "state.json"))
        elif entry.seq:
            self._store(entry)
        elif entry.name.startswith(CONSUMERS) and (older or self._last_seq < self._first_seq):
            self._consumers.append(object_of(entry.payload, entry.name.decode(errors="replace")))
        else:
            raise RestoreError("expected message sequence")

    def _begin(self, state: dict[str, Any]) -> None:
        self._state = state
        self._first_seq = max(number_in(state, "first_seq"), 1)
        self._last_seq = self._first_seq - 1
        self._check_room(number_in(state, "bytes"))
        if self._first_seq > 1:
            self.stream.remove_below(self._first_seq)

    def _check_room(self, needed: int) -> None:
        storage = self.stream.config.storage
        if not self._account.would_exceed(storage, needed):
            return
        if storage == "memory":
            raise errors.MEMORY_RESOURCES_EXCEEDED()
        raise errors.STORAGE_RESOURCES_EXCEEDED()

    def _store(self, entry: Entry) -> None:
        if entry.seq <= self._last_seq:
            raise RestoreError(f"message sequence {entry.seq} out of order")
        self.stream.intake.check_size(len(entry.header), len(entry.payload))
        self._last_seq = entry.seq
        fields = fields_of(entry.header)
        expires_ns = expiry_of(fields.get(ttl.TTL), entry.time_ns)
        if 0 < expires_ns <= self._engine.now_ns():
            return  # its sequence stays empty
        mark = schedules.MARK if fields.get(schedules.PATTERN) else 0
        self.stream.append(
            entry.name, entry.header, entry.payload, time_ns=entry.time_ns, seq=entry.seq,
            expires_ns=expires_ns if self.stream.config.allow_msg_ttl else 0, mark=mark,
        )  # fmt: skip
        msg_id = fields.get(b"Nats-Msg-Id")
        if msg_id:
            self.stream.duplicates.add(msg_id, entry.seq, entry.time_ns)

    # The end ----------------------------------------------------------------------------------------

    def _end(self, reply: bytes) -> None:
        if not self._source.ended:
            self._fail("backup was truncated", reply)
        elif self._source.files is not None:
            self._thin_out(self._source.files, 0, reply)
        elif self._state is None:
            self._fail("backup was truncated", reply)
        else:
            last_seq = number_in(self._state, "last_seq")
            self._close(last_seq, moment_in(self._state, "last_ts"), reply)

    def _thin_out(self, files: tar_archive.Reader, seq: int, reply: bytes) -> None:
        """What had been deleted goes again, from ``seq`` on, some of it per turn."""
        if self._done:
            return
        stream, index = self.stream, self.stream.store.index
        try:
            if stream.closed:
                raise RestoreError("the stream is gone")
            for _ in range(_TURN_ENTRIES):
                found = index.next_seq(seq)
                if found is None:
                    self._complete_older(files, reply)
                    return
                if not files.holds(found):
                    stream.remove(found, "restore")
                seq = found + 1
        except (RestoreError, StoreFailed) as error:
            self._fail(str(error), reply)
            return
        self._engine.soon(lambda: self._thin_out(files, seq, reply))

    def _complete_older(self, files: tar_archive.Reader, reply: bytes) -> None:
        """Raises RestoreError, StoreFailed."""
        if files.meta.get("name") != self.stream.name:
            raise RestoreError("stream names do not match")
        self.stream.created_ns = moment_in(files.meta, "Created") or self.stream.created_ns
        if files.first_seq > self.stream.store.index.first_seq():
            self.stream.remove_below(files.first_seq)
        self._close(*files.last(), reply)

    def _close(self, last_seq: int, last_time_ns: int, reply: bytes) -> None:
        """The stream ends at ``last_seq``, also when that isn't there any more."""
        try:
            if max(last_seq, self._last_seq) > self.stream.store.index.last_seq:
                self.stream.append_nothing(b"_", max(last_seq, self._last_seq), last_time_ns)
        except StoreFailed as error:
            self._fail(str(error), reply)
            return
        self.stream.when_settled(lambda error: self._open(reply, error))

    def _open(self, reply: bytes, error: str) -> None:
        """Everything is on disk: the stream begins its life, then its consumers do."""
        if self._done:
            return
        if error:
            self._fail(error, reply)
            return
        stream = self.stream
        try:
            consumers = [consumer_of(content) for content in self._consumers]
        except (RestoreError, ApiError) as refused:
            self._fail(str(refused), reply)
            return
        self._stop()
        stream.restored()
        for (name, config, fill), content in zip(consumers, self._consumers, strict=True):
            created_ns = moment_in(content["config"], "Created") or self._engine.now_ns()
            consumer = stream.consumers.restored(name, config, fill, created_ns)
            stream.consumers.begin(consumer, lambda _error: None)
        stream.save(lambda error: self._saved(reply, error))

    def _saved(self, reply: bytes, error: OSError | None) -> None:
        if error is not None:
            self._fail(f"{error.strerror or error}", reply)
            return
        api_streams.advise(self.stream, "CREATED", "create")
        self._complete()
        fields = stream_info.changed(self.stream)
        self._respond(reply, fields)

    def _fail(self, text: str, reply: bytes) -> None:
        self._stop()
        if not self.stream.closed:
            self.stream.delete(lambda _error: None)
        name = f"{self._account.name} > {self.stream.name}"
        log.warning("Restore of stream '%s' failed: %s", name, text)
        self._complete()
        error = errors.STREAM_RESTORE(err=text)
        self._respond(reply, {"error": error.to_json()})

    def _respond(self, reply: bytes, fields: dict[str, Any]) -> None:
        if reply:
            body = {"type": TYPE + "stream_create_response", **fields}
            self._account.publish(reply, json_form.dumps(body))

    def _complete(self) -> None:
        span = {
            "start": times.time_text(self._began_ns),
            "end": times.time_text(self._engine.now_ns()),
            "bytes": self._bytes,
            "client": self._client,
        }
        self._advise("RESTORE_COMPLETE", "restore_complete", span)

    def _advise(self, event: str, kind: str, fields: dict[str, Any]) -> None:
        name = self.stream.name
        self._account.advise(
            f"ADVISORY.STREAM.{event}.{name}".encode(),
            f"io.nats.jetstream.advisory.v1.{kind}",
            {"stream": name, **fields},
        )

    def _expect(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._engine.after(_SILENCE_S, lambda: self._fail("stalled", b""))

    def _stop(self) -> None:
        self._done = True
        if self._timer is not None:
            self._timer.cancel()
        self._account.unsubscribe([self._sub])


OPERATIONS: Final = (Operation("STREAM.RESTORE", 1, "stream_restore_response", _restore),)
