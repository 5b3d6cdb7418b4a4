"""The consumers of one stream: by name, on disk, and together in what retention asks of them.

A consumer of a stream in files has a directory of its own, ``<stream>/consumers/<name>.<mark>``: ``meta.json`` with its
configuration, ``state`` with its record.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from broker.jetstream import catalog, json_form
from broker.jetstream import consumer_events as events
from broker.jetstream.consumer import Consumer, filters_of
from broker.jetstream.consumer_config import ConsumerConfig
from broker.jetstream.consumer_filter import ConsumerFilter
from broker.jetstream.consumer_start import last_seqs, start_of
from broker.jetstream.environment import Done
from broker.jetstream.stream_config import StreamConfig
from broker.jetstream.subjects import is_subset
from broker.storage.consumer_store import ConsumerRecord, ConsumerStore
from broker.storage.store import Job

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

_STATE: Final = "state"
_MARK_LETTERS: Final = 8
#: Messages that are looked at per turn when interest in a stream has changed.
_SWEEP_ROWS: Final = 4096


@dataclass(slots=True)
class _Both:
    """Two jobs, one after the other."""

    first: Job
    second: Job

    def run(self) -> None:
        self.first.run()
        self.second.run()


class Consumers:
    """``len`` is the number of those that are shown; iteration is over all, in the order of their names."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream
        self._by_name: dict[str, Consumer] = {}
        self._directories: dict[str, str] = {}
        #: The last message of each subject up to here comes first, for consumers that began with those.
        self._resume: dict[str, int] = {}
        #: Where the looks at all messages go on, by whether they are for what no consumer takes, too.
        self._sweeps: dict[bool, int] = {}

    def __len__(self) -> int:
        return sum(not consumer.config.direct for consumer in self._by_name.values())

    @property
    def total(self) -> int:
        """With those of mirrors and sources."""
        return len(self._by_name)

    def __iter__(self) -> Iterator[Consumer]:
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def public(self) -> list[Consumer]:
        """Those that are shown: without the consumers of mirrors and sources, which come and go."""
        return [consumer for consumer in self if not consumer.config.direct]

    def get(self, name: str) -> Consumer | None:
        return self._by_name.get(name)

    def configs(self) -> list[tuple[str, ConsumerConfig]]:
        return [(consumer.name, consumer.config) for consumer in self]

    # Coming and going -------------------------------------------------------------------------------

    def add(self, name: str, config: ConsumerConfig) -> Consumer:
        """A new consumer of a configuration that was checked; it does nothing before ``begin``."""
        stream, engine = self._stream, self._stream.engine
        index, end = stream.store.index, stream.end
        one_per_subject = stream.config.max_msgs_per_subject == 1
        start = start_of(config, index, end, one_per_subject)
        directory, record = self._new_record(name, config)
        record.reset((start.lasts[0] if start.lasts else start.seq) - 1, 0)
        consumer = Consumer(stream, name, config, engine.now_ns(), record)
        if start.lasts:
            consumer.ledger.begin_with(start.lasts, end - 1)
            self._resume[name] = end - 1
        self._directories[name] = directory
        self._by_name[name] = consumer
        return consumer

    def restored(
        self,
        name: str,
        config: ConsumerConfig,
        fill: Callable[[ConsumerRecord], None],
        created_ns: int,
    ) -> Consumer:
        """A consumer of a snapshot, whose record ``fill`` fills; it does nothing before ``begin``."""
        directory, record = self._new_record(name, config)
        fill(record)
        stream = self._stream
        consumer = Consumer(stream, name, config, created_ns, record)
        consumer.ledger.reconcile(stream.store.index.first_seq(), stream.end, config.opt_start_seq)
        self._directories[name] = directory
        self._by_name[name] = consumer
        return consumer

    def _new_record(self, name: str, config: ConsumerConfig) -> tuple[str, ConsumerRecord]:
        """A directory of its own, "" for one in memory, and an empty record."""
        stream = self._stream
        if not stream.directory or config.mem_storage or config.direct:
            return "", ConsumerRecord()
        mark = stream.engine.unique(_MARK_LETTERS)
        directory = f"{stream.directory}/consumers/{catalog.directory_name(name)}.{mark}"
        return directory, self._store(directory)

    def begin(self, consumer: Consumer, done: Done) -> None:
        """A new consumer goes to disk, then it is reachable; ``done`` after that."""
        events.created(consumer)
        directory, record = self._directories[consumer.name], consumer.ledger.record
        flush = record.begin_flush(sync=True) if directory else None
        if flush is None:
            consumer.start()
            done(None)
            return
        job = flush

        def saved(error: OSError | None) -> None:
            record.finish_flush(job, error)
            if error is not None:
                self._by_name.pop(consumer.name, None)
                consumer.stop(deleted=True)
            elif not consumer.closed:
                consumer.start()
            done(error)

        meta = catalog.MetaJob(self._stream.disk, directory, self._meta(consumer))
        self._stream.run(_Both(meta, job), saved)

    def save(self, consumer: Consumer, done: Done) -> None:
        """The configuration as it is now goes to disk."""
        directory = self._directories[consumer.name]
        if directory:
            job = catalog.MetaJob(self._stream.disk, directory, self._meta(consumer))
            self._stream.run(job, done)
        else:
            done(None)

    def _meta(self, consumer: Consumer) -> dict[str, Any]:
        return {
            "name": consumer.name,
            "created_ns": consumer.created_ns,
            "resume_seq": self._resume.get(consumer.name, 0),
            "config": json_form.encode(consumer.config),
        }

    def _store(self, directory: str) -> ConsumerStore:
        engine = self._stream.engine
        salt = int.from_bytes(engine.random_bytes(4), "little")
        return ConsumerStore(self._stream.disk, directory, _STATE, salt)

    def delete_one(self, consumer: Consumer, done: Done | None = None) -> None:
        """It goes for good; ``done`` when nothing of it can come back."""
        done = done or _nothing
        self._by_name.pop(consumer.name, None)
        self._resume.pop(consumer.name, None)
        directory = self._directories.pop(consumer.name, "")
        consumer.stop(deleted=True)
        events.deleted(consumer)
        self.interest_changed(consumer)
        if directory:
            self._stream.run(catalog.RemoveJob(self._stream.disk, directory), done)
        else:
            done(None)

    # The stream's life ------------------------------------------------------------------------------

    def load(self, now_ns: int) -> None:
        """Reads those that are on disk; what can't be read is logged and left where it is."""
        if not self._stream.directory:
            return
        disk, parent = self._stream.disk, f"{self._stream.directory}/consumers"
        for entry in disk.names(parent):
            directory = f"{parent}/{entry}"
            if entry.endswith(catalog.REMOVED):
                disk.remove_tree(directory)
                continue
            try:
                self._load_one(directory)
            except (OSError, KeyError, catalog.DamagedMeta, ValueError) as error:
                log.error("JetStream: consumer in %s can't be read: %s", directory, error)
        for consumer in self:
            consumer.start()
        if self._by_name:
            self._look_again(1, untaken=False)

    def _load_one(self, directory: str) -> None:
        stream = self._stream
        meta = catalog.read_meta(stream.disk, directory)
        name = str(meta["name"])
        config = json_form.decode(ConsumerConfig, json_form.dumps(meta["config"]), strict=False)
        record = self._store(directory)
        if record.report:
            log.warning("JetStream stream %s, consumer %s: %s", stream.name, name, record.report)
        consumer = Consumer(stream, name, config, int(meta["created_ns"]), record)
        consumer.ledger.reconcile(stream.store.index.first_seq(), stream.end, config.opt_start_seq)
        resume = int(meta.get("resume_seq", 0))
        if record.state.delivered_stream_seq < resume:
            filters = [each.encode() for each in config.filters]
            start = record.state.delivered_stream_seq + 1
            lasts = last_seqs(stream.store.index, filters, resume + 1, start)
            consumer.ledger.begin_with(lasts, resume)
            self._resume[name] = resume
        self._directories[name] = directory
        self._by_name[name] = consumer

    def stop(self) -> None:
        """Nothing goes out any more; states are flushed."""
        for consumer in self:
            consumer.stop()

    def delete(self) -> None:
        """The stream goes, and its directory with everything in it."""
        for consumer in self:
            consumer.stop(deleted=True)
            events.deleted(consumer)
        self._by_name.clear()
        self._directories.clear()

    def config_changed(self, old: StreamConfig, new: StreamConfig) -> None:
        for consumer in self._by_name.values():
            consumer.delivery.configure()
            consumer.wake()
        if new.retention != old.retention:
            self._look_again(1, untaken=not self._by_name)

    # What is stored and what goes -------------------------------------------------------------------

    def committed(self) -> None:
        """There are new messages."""
        for consumer in self._by_name.values():
            consumer.committed()

    def removed(self, seq: int, subject: bytes) -> None:
        """A message has left the stream, whatever for."""
        for consumer in self._by_name.values():
            consumer.removed(seq, subject)

    def purged(self) -> None:
        """Many messages have left the stream."""
        first_seq = self._stream.store.index.first_seq()
        for consumer in self._by_name.values():
            consumer.purged(first_seq)

    def purged_of(self, subject_filter: str) -> None:
        """What the filter takes has been purged, all or some of it: consumers of no more than that go on at the first
        that is left of it, others that have a filter inside or around it at the stream's first."""
        index = self._stream.store.index
        left = index.next_matching(subject_filter.encode(), 0, index.last_seq + 1)
        for consumer in self._by_name.values():
            filters = consumer.config.filters or [">"]
            if all(is_subset(each, subject_filter) for each in filters):
                consumer.purged(index.last_seq + 1 if left is None else left)
            elif any(_nested(each, subject_filter) for each in filters):
                consumer.purged(index.first_seq())

    # Retention --------------------------------------------------------------------------------------

    def has_interest(self, subject: bytes) -> bool:
        """Whether some consumer takes the subject."""
        return any(consumer.ledger.found.takes(subject) for consumer in self._by_name.values())

    def settled(self, seqs: Iterable[int]) -> None:
        """A consumer needs these no more; what no other one needs goes."""
        if len(self._by_name) > 1:
            subject_of = self._stream.store.index.subject_of
            seqs = [seq for seq in seqs if not self._is_needed(seq, subject_of(seq))]
        self._stream.settled(seqs)

    def _is_needed(self, seq: int, subject: bytes, *, untaken: bool = False) -> bool:
        """Whether a consumer still needs it; ``untaken`` is the answer for what no consumer takes."""
        takers = [each for each in self._by_name.values() if each.ledger.found.takes(subject)]
        return any(each.ledger.needs(seq) for each in takers) if takers else untaken

    def interest_changed(self, consumer: Consumer) -> None:
        """It goes, or takes others now: what an interest stream keeps may have lost its reason.

        From the consumer's floor on also what nobody takes; that stays when a stream becomes one of interest while it
        has consumers, as with nats-server.
        """
        if self._stream.config.retention == "interest":
            start = consumer.ledger.floor()[1] if self._by_name else 1
            self._look_again(start, untaken=True)

    def skipped(self) -> None:
        """A consumer goes on elsewhere."""
        if self._stream.config.retention == "interest":
            self._look_again(1, untaken=False)

    def _look_again(self, start: int, *, untaken: bool) -> None:
        """Look at all messages, some per turn, for those that nobody needs any more; ``untaken``: also for those that
        no consumer takes. In a work queue they wait for someone to come."""
        if self._stream.config.retention == "limits":
            return
        if not self._sweeps:
            self._stream.engine.soon(self._sweep)
        self._sweeps[untaken] = min(start, self._sweeps.get(untaken, start))

    def _sweep(self) -> None:
        stream, index = self._stream, self._stream.store.index
        if stream.closed or stream.config.retention == "limits":
            self._sweeps.clear()
            return
        untaken, start = self._sweeps.popitem()
        unneeded = []
        for looked_at, (table, row) in enumerate(index.rows(start, stream.end)):
            seq = table.seqs[row]
            if looked_at == _SWEEP_ROWS:
                self._sweeps[untaken] = seq
                break
            subject = index.subjects.name(table.subject_ids[row])
            if not self._is_needed(seq, subject, untaken=not untaken):
                unneeded.append(seq)
        stream.settled(unneeded)
        if self._sweeps:
            stream.engine.soon(self._sweep)

    def filtered_anew(self, consumer: Consumer) -> None:
        """The consumer's filters are others now."""
        found = ConsumerFilter(self._stream.store.index, filters_of(self._stream, consumer.config))
        consumer.ledger.found = found
        self.interest_changed(consumer)


def _nested(one: str, other: str) -> bool:
    return is_subset(one, other) or is_subset(other, one)


def _nothing(_error: OSError | None) -> None:
    """For whom it doesn't matter when."""
