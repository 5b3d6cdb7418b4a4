"""A stream's store through thousands of crashes: at any write, with torn, reordered and lost unsynced writes.

Each seed is one life of a store that goes on after every recovery. ``STORE_SEEDS`` sets how many, ``STORE_SEED``
runs a single one.
"""

import os
import random
from dataclasses import dataclass, field

import pytest

from broker.storage.file_store import FileStore
from broker.storage.store import Message
from tests.support.sim_disk import SimCrash, SimDisk

SEEDS = (
    [int(os.environ["STORE_SEED"])]
    if "STORE_SEED" in os.environ
    else range(int(os.environ.get("STORE_SEEDS", "100")))
)


@dataclass
class Batch:
    """What was staged for one commit."""

    messages: dict[int, Message] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    groups: list[list[int]] = field(default_factory=list)


class Life:
    """A store with a model beside it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disk = SimDisk(self.rng)
        #: What was committed and is not removed, not even by what is staged or in flight.
        self.safe: dict[int, Message] = {}
        #: Removed by something that isn't committed yet.
        self.at_risk: dict[int, Message] = {}
        self.gone: set[int] = set()
        #: Everything since the last synced commit.
        self.unsynced: list[Batch] = []
        self.batch = Batch()
        self.last_committed = 0
        self.clock = 1
        # Swarm testing: each life weighs the operations in its own way, and leaves some out.
        names = ["append", "remove", "remove_below", "commit", "maintain", "group", "skip"]
        weights = [5.0, 2.0, 0.1, 3.0, 2.0, 0.5, 0.1]
        self.weights = [w * self.rng.choice((0, 1, 1, 3)) for w in weights]
        self.weights[0] = max(self.weights[0], 1)
        self.weights[3] = max(self.weights[3], 1)
        self.operations = [getattr(self, name) for name in names]
        self.lazy_sync = self.rng.random() < 0.2
        self.open()

    def open(self) -> None:
        self.store = FileStore(self.disk, "s", self.rng.randbytes, segment_bytes_max=2000)

    # Operations --------------------------------------------------------------------------------

    def append(self, grouped: bool = False) -> int:
        subject = b"s.%d" % self.rng.randrange(6)
        header = b"NATS/1.0\r\n\r\n" if self.rng.random() < 0.3 else b""
        payload = self.rng.randbytes(self.rng.choice((0, 10, 100, 700)))
        self.clock += 1
        seq = self.store.index.last_seq + self.rng.choice((1, 1, 1, 1, 4)) if grouped else 0
        seq = self.store.append(subject, header, payload, self.clock, seq=seq, grouped=grouped)
        self.batch.messages[seq] = Message(seq, self.clock, subject, header, payload)
        return seq

    def group(self) -> None:
        """With gaps, and with messages in between that don't belong to it."""
        group: list[int] = []
        for _ in range(self.rng.randint(1, 5)):
            if self.rng.random() < 0.2:
                self.append()
            group.append(self.append(grouped=True))
        self.batch.groups.append(group)
        self.store.end_group()

    def remove(self) -> None:
        grouped = {seq for group in self.batch.groups for seq in group}
        known = [seq for seq in self.live() if seq not in grouped]
        if known:
            seq = min(known) if self.rng.random() < 0.5 else self.rng.choice(known)
            assert self.store.remove(seq, erase=self.rng.random() < 0.3)
            self._removed(seq)

    def remove_below(self) -> None:
        if self.batch.groups:
            return
        floor = self.rng.randint(1, self.store.index.last_seq + 2)
        self.store.remove_below(floor)
        for seq in self.live():
            if seq < floor:
                self._removed(seq)

    def skip(self) -> None:
        if not self.batch.groups:
            self.store.remove_below(self.store.index.last_seq + self.rng.randint(1, 5))
            for seq in self.live():
                self._removed(seq)

    def live(self) -> list[int]:
        batches = [*self.unsynced, self.batch]
        removed = {seq for batch in batches for seq in batch.removed}
        staged = [seq for batch in batches for seq in batch.messages if seq not in removed]
        return [*self.safe, *staged]

    def _removed(self, seq: int) -> None:
        self.batch.removed.add(seq)
        if seq in self.safe:
            self.at_risk[seq] = self.safe.pop(seq)

    def commit(self) -> None:
        sync = not self.lazy_sync or self.rng.random() < 0.3
        job = self.store.begin_commit(sync)
        if job is None:
            return
        self.unsynced.append(self.batch)
        self.batch = Batch()
        if self.rng.random() < 0.5:
            self.append()
        job.run()
        self.store.finish_commit(job)
        if sync:
            self._all_synced()

    def _all_synced(self) -> None:
        for batch in self.unsynced:
            for seq, message in batch.messages.items():
                if not any(seq in each.removed for each in (*self.unsynced, self.batch)):
                    self.safe[seq] = message
                elif seq in self.batch.removed:
                    self.at_risk[seq] = message
            self.gone |= batch.removed
            for seq in batch.removed:
                self.at_risk.pop(seq, None)
            if batch.messages:
                self.last_committed = max(self.last_committed, *batch.messages)
        self.unsynced = []

    def maintain(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            job = self.store.begin_maintenance()
            if job is not None:
                job.run()
                self.store.finish_maintenance(job)

    # Checks ------------------------------------------------------------------------------------

    def run(self) -> None:
        for _ in range(self.rng.randint(20, 120)):
            if self.rng.random() < 0.15:
                self.disk.crash_after = self.rng.randint(0, 12)
            try:
                self.rng.choices(self.operations, self.weights)[0]()
                if self.rng.random() < 0.1:
                    self.check_live()
            except SimCrash:
                self.crash()
        self.crash()

    def crash(self) -> None:
        for _ in range(8):
            self.disk = self.disk.crash()
            if self.rng.random() < 0.3:
                self.disk.crash_after = self.rng.randint(0, 3)
            try:
                self.open()
                break
            except SimCrash:
                continue
        self.disk.crash_after = None
        self.open()
        self.check_recovered()

    def check_live(self) -> None:
        expected = dict(self.safe)
        for batch in (*self.unsynced, self.batch):
            expected.update(batch.messages)
        for batch in (*self.unsynced, self.batch):
            for seq in batch.removed:
                expected.pop(seq, None)
        assert self.contents() == expected
        assert self.store.index.messages == len(expected)

    def contents(self) -> dict[int, Message]:
        found, seq = {}, self.store.index.next_seq(0)
        while seq is not None:
            message = self.store.read(seq)
            assert message is not None
            found[seq] = message
            seq = self.store.index.next_seq(seq + 1)
        return found

    def check_recovered(self) -> None:
        found = self.contents()
        batches = [*self.unsynced, self.batch]
        staged = {seq: m for batch in batches for seq, m in batch.messages.items()}
        removed = {seq for batch in batches for seq in batch.removed}
        for seq, message in self.safe.items():
            assert found.get(seq) == message, f"message {seq} is lost"
        for seq, message in found.items():
            known = self.safe.get(seq) or self.at_risk.get(seq) or staged.get(seq)
            assert known == message, f"message {seq} should not be there, or not like this"
        missing: set[int] = set()
        for batch in batches:
            missing |= batch.messages.keys() - found.keys() - removed
            for seq in batch.removed & self.at_risk.keys() if missing else ():
                assert seq in found, f"{seq} was removed in exchange for {missing}"
        for batch in batches:
            for group in batch.groups:
                there = [seq in found for seq in group if seq not in removed]
                assert all(there) or not any(there), f"group {group} is torn"
        assert self.store.index.last_seq >= self.last_committed, "a sequence would be used twice"
        self.safe, self.at_risk, self.unsynced, self.batch = found, {}, [], Batch()
        self.last_committed = self.store.index.last_seq


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_committed_survives_every_crash(seed: int) -> None:
    Life(seed).run()
