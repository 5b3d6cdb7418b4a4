"""One stream: what it holds, when that is on disk, and who is told.

    staged     by ``append``, ``remove``, ``purge``; the index of the store knows it at once, nobody is told
    committed  at the end of the turn, all that was staged together; one commit at a time, the next gathers meanwhile
    announced  acknowledgements, then consumers and features, in the order of the commits

Metadata are written by jobs that take turns with commits. After a write error the store takes nothing more.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from broker.core.subscription import InternalSubscription
from broker.jetstream import catalog, json_form, times, trim
from broker.jetstream.consumers import Consumers
from broker.jetstream.duplicates import Duplicates
from broker.jetstream.environment import Done, Timer
from broker.jetstream.feature import Feature
from broker.jetstream.features import FEATURES
from broker.jetstream.names import short_hash
from broker.jetstream.plain_publish import StreamFields
from broker.jetstream.publish import Intake
from broker.jetstream.stream_config import StreamConfig
from broker.storage.store import DamagedMessage, Job, Message, StoreFailed, StreamStore

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount
    from broker.jetstream.batch import Batches
    from broker.jetstream.fast_batch import FastBatches

log = logging.getLogger("broker")

#: Told "" when all is on disk, else why it isn't.
Settled = Callable[[str], None]
#: Between syncs of a stream that is to be persisted asynchronously, where the server syncs always.
_ASYNC_SYNC_S = 1.0
#: Space is given back this long after something was removed.
_MAINTENANCE_S = 0.1


class Stream(StreamFields):
    """``directory`` is "" for a stream in memory. Made closed to messages; ``start`` opens it."""

    def __init__(
        self,
        account: "JetStreamAccount",
        config: StreamConfig,
        created_ns: int,
        store: StreamStore,
        directory: str,
    ) -> None:
        super().__init__()
        self.account = account
        self.engine = account.engine
        self.name = config.name
        self.config = config
        self.created_ns = created_ns
        self.store = store
        self.directory = directory
        self.disk = account.engine.environment.disk
        self.duplicates = Duplicates(config.duplicate_window, self._save_ids)
        self.closed = self._deleted = False
        #: It is filled from a snapshot; until that is whole it is no stream for anybody, nor after a restart.
        self.restoring = False
        #: Messages that were found damaged when they were read.
        self.damaged: set[int] = set()
        #: It began with a first sequence, or has been purged since: also an unused stream shows that sequence then.
        self.was_emptied = config.first_seq > 0
        self.consumers = Consumers(self)
        self.features: list[Feature] = []
        #: The feature that gathers atomic batches.
        self.batches: Batches | None = None
        #: The feature that takes messages of fast batches.
        self.fast_batches: FastBatches | None = None
        self.intake = Intake(self)
        self._subs: list[InternalSubscription] = []
        #: Something that is staged counts only with what else is.
        self._grouped = False
        #: Publishes refused because too much wasn't on disk yet.
        self.dropped_msgs = 0
        self._sending_bytes = 0
        self._settled: list[Settled] = []
        self._announced_seq = store.committed_seq
        #: Jobs that wait for the one that runs; None between jobs.
        self._jobs: deque[tuple[Job, Done]] = deque()
        self._running: Job | None = None
        #: Messages below are gone or never expire.
        self.age_floor = 0
        self._maintenance_timer: Timer | None = None
        self._maintaining = False
        self._sync_timer: Timer | None = None
        self._sync_due = False
        self._account_for()

    # Beginning and end ------------------------------------------------------------------------------

    def start(self, *, recovered: bool = False) -> None:
        """Takes messages from now on. A stream that was on disk may have consumers there."""
        self._change_features(None)
        if recovered:
            self.consumers.load(self.engine.now_ns())
            self._trim()
        self.subscribe()
        self.arm_age()

    def _trim(self) -> None:
        """After a crash a message may be on disk, and what its coming removed still there; a snapshot may hold more
        than its stream is allowed now."""
        if self.intake.limited and not self.store.error:
            trim.enforce(self)

    def restored(self) -> None:
        """The snapshot is whole. The caller saves the description."""
        self.restoring = False
        self.start()
        self._trim()

    def subscribe(self) -> None:
        self.account.unsubscribe(self._subs)
        receive = self.intake.receive
        self._subs = [
            self.account.subscribe(subject.encode(), receive) for subject in self.config.subjects
        ]
        for sub in self._subs:
            sub.stream = self.name

    def close(self) -> None:
        """Nothing is taken or sent any more. What was acknowledged stays on disk."""
        if self.closed:
            return
        self.closed = True
        self._end()
        self.consumers.stop()
        self._sync_due = True
        if self._running is None:
            self._next()

    def fail(self, cause: str) -> None:
        """Something could not be written: nothing is taken any more."""
        self.store.error = self.store.error or cause
        name = f"{self.account.name} > {self.name}"
        log.error("JetStream stream %s takes nothing more: %s", name, self.store.error)

    def _end(self) -> None:
        self.account.unsubscribe(self._subs)
        self._subs = []
        for feature in self.features:
            feature.stop()
        self.features = []
        self.told_of_removals = []
        for timer in (self.age_timer, self._maintenance_timer, self._sync_timer):
            if timer is not None:
                timer.cancel()

    def delete(self, done: Done) -> None:
        """The stream, its messages and consumers go; ``done`` when nothing of it can come back."""
        self.closed = self._deleted = True
        self._end()
        self.consumers.delete()
        self.account.streams.pop(self.name, None)
        self.account.use(self.config.storage, -self.used)
        self.used = 0
        if self.directory:
            self.run(catalog.RemoveJob(self.disk, self.directory), done)
        else:
            self._close_store()
            done(None)

    # Configuration ----------------------------------------------------------------------------------

    def metadata(self) -> dict[str, Any]:
        """What is kept on disk of the stream itself."""
        content = {
            "name": self.name,
            "created_ns": self.created_ns,
            "has_ids": self.duplicates.used,
            "config": json_form.encode(self.config),
        }
        return content | ({"restoring": True} if self.restoring else {})

    def save(self, done: Done) -> None:
        """Writes ``metadata`` as it is now."""
        if self.directory:
            self.run(catalog.MetaJob(self.disk, self.directory, self.metadata()), done)
        else:
            done(None)

    def _save_ids(self) -> None:
        """There is a message id: it's on disk before it counts, so that the next start looks for ids."""
        self.save(self._ids_saved)

    def _ids_saved(self, error: OSError | None) -> None:
        if error is not None:
            self.fail(f"{self.directory}: {error.strerror or error}")

    def reconfigure(self, config: StreamConfig) -> None:
        """``config`` holds from now on; the caller has checked it, and saves it."""
        before, self.config = self.config, config
        self.duplicates.window_ns = config.duplicate_window
        self.intake.configure()
        if config.subjects != before.subjects:
            self.subscribe()
        self._change_features(before)
        trim.enforce(self)
        self.arm_age()
        self.consumers.config_changed(before, config)
        self.touch()

    def _change_features(self, before: StreamConfig | None) -> None:
        kept = {type(feature): feature for feature in self.features}
        self.features = []
        for kind in FEATURES:
            feature = kept.pop(kind, None)
            if not kind.wanted(self.config):
                if feature is not None:
                    feature.stop()
                continue
            if feature is None:
                feature = kind(self)
                self.features.append(feature)
                feature.start()
            else:
                self.features.append(feature)
                if before is not None:
                    feature.configured(before)
        self.told_of_removals = [
            each for each in self.features if type(each).removed is not Feature.removed
        ]

    def terms_changed(self) -> None:
        """The account's limits are others now."""
        self.intake.configure()
        if self._sync_timer is not None:  # it may be due sooner than was said
            self._sync_timer.cancel()
            self._sync()

    @property
    def deleted(self) -> bool:
        """Its end is for good."""
        return self._deleted

    @property
    def identity(self) -> str:
        """Tells it from another stream of the same name, before or after."""
        return short_hash(times.time_text(self.created_ns))

    @property
    def sync_interval_s(self) -> float:
        """Seconds that an acknowledged message may not be on disk yet; 0 = none."""
        interval_s = self.account.sync_interval_s
        if interval_s == 0 and self.config.persist_mode == "async":
            return _ASYNC_SYNC_S
        return interval_s

    # Reading ----------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """One more than the last sequence that may be shown."""
        return self.store.committed_seq + 1

    def read(self, seq: int) -> Message | None:
        """A committed message; None when there is none, or it can't be read, which is counted and logged."""
        if seq > self.store.committed_seq:
            return None
        try:
            return self.store.read(seq)
        except (DamagedMessage, OSError) as error:
            if seq not in self.damaged:
                self.damaged.add(seq)
                log.error("JetStream stream %s > %s: %s", self.account.name, self.name, error)
            return None

    # Changing ---------------------------------------------------------------------------------------

    def append(
        self, subject: bytes, header: bytes, payload: bytes, *,
        time_ns: int = 0, seq: int = 0, expires_ns: int = 0, mark: int = 0, grouped: bool = False,
    ) -> int:  # fmt: skip
        """Stage a message and whatever its coming removes; returns its sequence. ``grouped`` messages of one commit are
        stored all together or not at all. Raises StoreFailed."""
        index = self.store.index
        if not time_ns:
            time_ns = max(self.engine.now_ns(), index.last_time_ns)
        previous = 0 if self.republish is None else index.subjects.last(subject) or 0
        seq = self.store.append(
            subject,
            header,
            payload,
            time_ns,
            seq=seq,
            expires_ns=expires_ns,
            mark=mark,
            grouped=grouped,
        )
        self._grouped = self._grouped or grouped
        if self.republish is not None:
            self.republish.noted(seq, previous)
        if self.intake.limited and not self.restoring:
            trim.enforce(self, subject)
        if self.age_timer is None and self.config.max_age:
            self.arm_age()
        self.buffered_bytes += len(header) + len(payload)
        if not self.touched:
            self.touch()
        return seq

    def append_nothing(
        self, subject: bytes, seq: int = 0, time_ns: int = 0, *, grouped: bool = False
    ) -> int:
        """Stage a sequence that stays empty. Raises StoreFailed."""
        time_ns = time_ns or self.engine.now_ns()
        seq = self.store.append(subject, b"", b"", time_ns, seq=seq, grouped=grouped)
        self._grouped = self._grouped or grouped
        self.store.remove(seq)
        self.touch()
        return seq

    def remove(self, seq: int, reason: str, *, erase: bool = False) -> bool:
        """Stage a deletion; False when there is no such message. Raises StoreFailed."""
        subject = self.store.index.subject_of(seq)
        if not self.store.remove(seq, erase=erase):
            return False
        self.consumers.removed(seq, subject)
        for feature in self.told_of_removals:
            feature.removed(seq, subject, reason)
        if not self.touched:
            self.touch()
        return True

    def remove_below(self, floor: int) -> int:
        """Stage the deletion of all before ``floor``; returns how many. Raises StoreFailed."""
        first_seq = self.store.index.first_seq()
        removed = self.store.remove_below(floor)
        if removed or self.store.index.first_seq() != first_seq:
            self.consumers.purged()
            for feature in self.features:
                feature.purged()
        self.touch()
        return removed

    def settled(self, seqs: Iterable[int]) -> None:
        """No consumer needs these any more: they go where retention says so."""
        if self.config.retention == "limits" or self.store.error:
            return
        for seq in seqs:
            self.remove(seq, "acked")

    # Committing -------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Commit and announce at the end of this turn."""
        if not self.touched:
            self.touched = True
            self.engine.touched(self)

    def acknowledge(self, reply: bytes, text: bytes) -> None:
        """Answer ``text`` once all that is staged now is on disk."""
        self.acks.append((reply, text))
        if not self.touched:
            self.touch()

    def when_settled(self, callback: Settled) -> None:
        """Told when all that is staged now is on disk; at once when it is."""
        self._settled.append(callback)
        self.touch()

    def turn(self) -> None:
        """The end of a turn in which the stream was touched."""
        self.touched = False
        self._account_for()
        if self._running is None:
            self._next()

    def run(self, job: Job, done: Done) -> None:
        """A job that must not run beside a commit, after those that wait already."""
        self._jobs.append((job, done))
        if self._running is None:
            self._next()

    def _next(self) -> None:
        """Begins what is to be done next; there is no job running."""
        if self._jobs:
            self._start(*self._jobs.popleft())
            return
        if self._deleted:
            self._close_store()
            return
        acks, self.acks = self.acks, []
        settled, self._settled = self._settled, []
        sync = self._sync_due or self.sync_interval_s == 0
        if self._grouped:
            self._grouped = False
            self.store.end_group()
        job = self.store.begin_commit(sync)
        if job is None:
            self.buffered_bytes = 0
            self._announce(acks, settled)
            if self.closed:
                self._close_store()
            return
        self._sync_due = False
        self._sending_bytes = self.buffered_bytes
        self._start(job, partial(self._committed, job, sync, acks, settled))

    def _committed(
        self,
        job: Job,
        sync: bool,
        acks: list[tuple[bytes, bytes]],
        settled: list[Settled],
        error: OSError | None,
    ) -> None:
        self.store.finish_commit(job, error)
        self.buffered_bytes -= self._sending_bytes
        if error is not None:
            self.fail(self.store.error)
        self._announce(acks, settled)
        self._arm_maintenance()
        if not sync:
            self._arm_sync()

    def _start(self, job: Job, done: Done) -> None:
        self._running = job
        self.engine.run_job(job, partial(self._finished, done))

    def _finished(self, done: Done, error: OSError | None) -> None:
        self._running = None
        done(error)
        if self._running is None:
            self._next()

    def _close_store(self) -> None:
        """Not under the hands of a job. Who still waits for the disk hears that there will be nothing."""
        settled, self._settled = self._settled, []
        for callback in settled:
            callback("the stream is gone")
        if not self._maintaining:
            self.store.close()

    def _announce(self, acks: list[tuple[bytes, bytes]], settled: list[Settled]) -> None:
        error = self.store.error
        if error:
            self.intake.refuse_all([reply for reply, _text in acks], error)
        else:
            self.account.answers.send_all(acks)
        for callback in settled:
            callback(error)
        first, last = self._announced_seq + 1, self.store.committed_seq
        if last >= first and not self.closed:
            self._announced_seq = last
            self.consumers.committed()
            for feature in self.features:
                feature.committed(first, last)

    def _account_for(self) -> None:
        used = self.store.index.bytes
        if used != self.used and not self.closed:
            self.account.use(self.config.storage, used - self.used)
            self.used = used

    # Later ------------------------------------------------------------------------------------------

    def _arm_sync(self) -> None:
        if self._sync_timer is None and not self.closed:
            self._sync_timer = self.engine.after(self.sync_interval_s, self._sync)

    def _sync(self) -> None:
        self._sync_timer = None
        self._sync_due = True
        self.touch()

    def _arm_maintenance(self) -> None:
        if self._maintenance_timer is None and not self.closed:
            self._maintenance_timer = self.engine.after(_MAINTENANCE_S, self._maintain)

    def _maintain(self) -> None:
        """One piece after another, beside commits, until there is no more to give back."""
        job = None if self.closed else self.store.begin_maintenance()
        if job is not None:
            self._maintaining = True
            self.engine.run_job(job, partial(self._maintained, job))
            return
        self._maintenance_timer = None
        if not self.closed:
            self.touch()
        elif self._running is None:
            self._close_store()

    def _maintained(self, job: Job, error: OSError | None) -> None:
        self._maintaining = False
        self.store.finish_maintenance(job, error)
        self._maintain()

    def arm_age(self) -> None:
        """Look again when the oldest message is as old as it may become."""
        if self.age_timer is not None:
            self.age_timer.cancel()
            self.age_timer = None
        wait_s = trim.seconds_to_expiry(self)
        if wait_s is not None and not self.closed:
            self.age_timer = self.engine.after(wait_s, self._expire)

    def _expire(self) -> None:
        self.age_timer = None
        try:
            trim.expire(self)
        except StoreFailed:
            return
        self.arm_age()
