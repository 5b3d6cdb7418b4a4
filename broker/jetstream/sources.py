"""Sources: messages of other streams, stored among a stream's own.

Each copy says where it is from, and so does, after a restart, the last copy of each source. What of that is purged or
expires is kept in a file of its own, which is written before the removal. It may be ahead of the messages then, so an
entry names the copy that it speaks of and counts only if the stream has come as far as that copy.
Wire     Nats-Stream-Source: <stream>[:<hash of the API prefix>] <sequence> <filter> <destination> <subject> <identity>
Source   nats-server ``stream.go`` (processInboundSourceMsg, genSourceHeader)
"""

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from broker.jetstream import catalog
from broker.jetstream.counters import STREAM_SOURCE
from broker.jetstream.errors import ApiError
from broker.jetstream.feature import Feature
from broker.jetstream.follower import Copy, Follower
from broker.jetstream.mirror import transformed, transforms_of
from broker.jetstream.names import short_hash
from broker.jetstream.publish import Stored
from broker.jetstream.stream_config import StreamConfig, StreamSource
from broker.protocol import headers
from broker.storage.store import StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

_FILE: Final = "sources.json"


def index_name(source: StreamSource) -> str:
    """What tells a source from the others, as it stands in copies: stream, filter, destination."""
    name = source.name
    if source.external is not None:
        name += f":{short_hash(source.external.api)}"
    if source.consumer is not None:
        name += f":C={short_hash(source.consumer.name)}"
    cuts, places = source.filter_subject or ">", ">"
    if source.subject_transforms:
        cuts = "\f".join(each.src or ">" for each in source.subject_transforms)
        places = "\f".join(each.dest or ">" for each in source.subject_transforms)
    return f"{name} {cuts} {places}"


class Taken(NamedTuple):
    """How far a source was taken: its sequence, and that of the copy here."""

    seq: int
    copy_seq: int


class Source:
    """One source, and how far it was taken."""

    def __init__(self, owner: "Sources", config: StreamSource) -> None:
        self.name = index_name(config)
        self.config = config
        self.last_seq = 0
        #: Where the last copy stands in the stream; 0 = it doesn't say any more.
        self.copy_seq = 0
        #: The last copy that is on disk, and those that aren't yet.
        self.committed = Taken(0, 0)
        self.staged: deque[Taken] = deque()
        self._owner = owner
        self._parts = self.name.split(" ")
        self._transforms = transforms_of(config.subject_transforms)
        stream = owner.stream
        consumer = f"JS_SRC_{short_hash(f'{stream.account.name} {stream.name} {self.name}')}"
        self.follower = Follower(
            stream, config, consumer, lambda: self.last_seq,
            self._take, lambda _seq: None, self._forget,
        )  # fmt: skip

    def _forget(self) -> None:
        self.last_seq = 0

    def know(self, seq: int, identity: str) -> None:
        """What a copy says; the file may know a later one, unless that was of another stream."""
        if identity != self.follower.identity or seq > self.last_seq:
            self.last_seq, self.follower.identity = seq, identity
            self.committed = Taken(seq, self.copy_seq)

    def _take(self, copy: Copy) -> bool:
        stream = self._owner.stream
        name, cuts, places = self._parts
        origin = f"{name} {copy.seq} {cuts} {places} ".encode() + copy.subject
        if self.follower.identity:
            origin += b" " + self.follower.identity.encode()
        header = headers.without(copy.header, STREAM_SOURCE)
        header = headers.with_field(header, STREAM_SOURCE, origin)
        subject = transformed(self._transforms, copy.subject, stream)
        try:
            subject = stream.intake.stored_as(subject)
            self.copy_seq = stream.intake.store_own(subject, header, copy.payload, copy=True)
        except Stored:
            pass  # it came before, under another sequence
        except (ApiError, StoreFailed) as error:
            log.warning("JetStream source %s of %s: %s", self.name, stream.name, error)
            return False
        self.last_seq = copy.seq
        self.staged.append(Taken(copy.seq, self.copy_seq))
        return True

    def commit(self, last: int) -> None:
        """Copies up to here are on disk."""
        while self.staged and self.staged[0].copy_seq <= last:
            self.committed = self.staged.popleft()


class Sources(Feature):
    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        self._sources: dict[str, Source] = {}
        self._saving = self._save_again = False

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return bool(config.sources)

    def start(self) -> None:
        self._configure()

    def configured(self, before: StreamConfig) -> None:
        if before.sources != self.stream.config.sources:
            self._configure()

    def _configure(self) -> None:
        wanted = {index_name(config): config for config in self.stream.config.sources}
        for name in [name for name in self._sources if name not in wanted]:
            self._sources.pop(name).follower.stop(forget=True)
        fresh = [Source(self, wanted[name]) for name in wanted if name not in self._sources]
        self._sources |= {source.name: source for source in fresh}
        self._find_last(fresh)
        for source in fresh:
            source.follower.start()

    def stop(self) -> None:
        forget = self.stream.deleted or not self.stream.config.sources
        for source in self._sources.values():
            source.follower.stop(forget=forget)

    def info(self) -> dict[str, Any]:
        return {"sources": [source.follower.info() for source in self._sources.values()]}

    # What was taken ---------------------------------------------------------------------------------

    def _find_last(self, sources: list[Source]) -> None:
        """Reads the stream from its end until each source was met; the rest is as the file says."""
        saved = self._load()
        missing = {source.name: source for source in sources}
        for source in sources:
            source.last_seq, source.follower.identity = saved.get(source.name, (0, ""))
            source.committed = Taken(source.last_seq, 0)
        index = self.stream.store.index
        seq = index.previous_seq(index.last_seq + 1)
        while seq is not None and missing:
            message = self.stream.read(seq)
            value = headers.get(message.header, STREAM_SOURCE) if message else None
            if value is not None:
                parts = value.decode(errors="replace").split(" ")
                if len(parts) >= 4 and parts[1].isdigit():
                    found = missing.pop(f"{parts[0]} {parts[2]} {parts[3]}", None)
                    if found is not None:
                        found.copy_seq = seq
                        found.know(int(parts[1]), parts[5] if len(parts) > 5 else "")
            seq = index.previous_seq(seq)

    def _load(self) -> dict[str, tuple[int, str]]:
        stream = self.stream
        if not stream.directory:
            return {}
        try:
            content = catalog.read_meta(stream.disk, stream.directory, _FILE)
        except FileNotFoundError:
            return {}
        except (OSError, catalog.DamagedMeta) as error:
            log.error("JetStream stream %s: %s", stream.name, error)
            return {}
        last = stream.store.index.last_seq
        return {
            name: (max((seq for seq, copy_seq in taken if copy_seq <= last), default=0), identity)
            for name, (identity, *taken) in content.items()
        }

    def committed(self, first: int, last: int) -> None:
        for source in self._sources.values():
            source.commit(last)

    def removed(self, seq: int, subject: bytes, reason: str) -> None:
        if any(source.copy_seq == seq for source in self._sources.values()):
            self._save()

    def purged(self) -> None:
        first_seq = self.stream.store.index.first_seq()
        if any(source.copy_seq < first_seq for source in self._sources.values()):
            self._save()

    def _save(self) -> None:
        """Before the removal is committed: jobs of a stream go before its next commit."""
        if not self.stream.directory:
            return
        if self._saving:
            self._save_again = True
            return
        self._saving = True
        content = {
            source.name: [
                source.follower.identity, source.committed, (source.last_seq, source.copy_seq)
            ]
            for source in self._sources.values()
        }  # fmt: skip
        job = catalog.MetaJob(self.stream.disk, self.stream.directory, content, _FILE)
        self.stream.run(job, self._saved)

    def _saved(self, error: OSError | None) -> None:
        self._saving = False
        if error is not None:
            self.stream.fail(f"{self.stream.directory}/{_FILE}: {error.strerror or error}")
        elif self._save_again:
            self._save_again = False
            self._save()
