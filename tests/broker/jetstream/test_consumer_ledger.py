"""A consumer's ledger against a naive model: lists that are searched from the start each time."""

import random

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.jetstream.consumer_filter import ConsumerFilter
from broker.jetstream.consumer_ledger import Ledger, Terms
from broker.jetstream.consumer_start import last_seqs
from broker.storage.consumer_store import ConsumerStore
from broker.storage.memory_store import MemoryStore
from broker.storage.subject_filter import matcher
from tests.support.sim_disk import SimDisk

SUBJECTS = [b"a.1", b"a.2", b"b.1", b"b.2.x", *[b"c.%d" % n for n in range(30)]]
FILTERS = [(), (b"a.1",), (b"a.*",), (b"c.*",), (b"a.1", b"b.>"), (b"a.*", b"c.7", b"b.1"), (b"z",)]
_WAIT_NS = 100


class Model:
    """What the ledger keeps in clever ways, kept in a simple one."""

    def __init__(self, filters: tuple[bytes, ...], terms: Terms) -> None:
        self.takers = [matcher(each) for each in filters]
        self.terms = terms
        self.live: dict[int, bytes] = {}
        self.lasts: list[int] = []
        self.looked_from = 1
        self.consumer_seq = self.delivered = self.floor = 0
        #: seq → [when its wait began, deliveries]
        self.pending: dict[int, list[int]] = {}
        self.exhausted: set[int] = set()
        self.again: list[int] = []

    def takes(self, seq: int) -> bool:
        return not self.takers or any(takes(self.live[seq]) for takes in self.takers)

    def new(self, end: int) -> list[int]:
        later = (seq for seq in self.live if self.looked_from <= seq < end and self.takes(seq))
        return [seq for seq in self.lasts if seq in self.live] + sorted(later)

    def peek(self, end: int) -> int:
        if self.again:
            return self.again[0]
        limit = self.terms.max_ack_pending
        if limit and len(self.pending) >= limit:
            return 0
        return next(iter(self.new(end)), 0)

    def settle(self, seq: int) -> None:
        self.pending.pop(seq, None)
        self.exhausted.discard(seq)
        self.again = [each for each in self.again if each != seq]


class LedgerMachine(RuleBasedStateMachine):
    @initialize(
        filters=st.sampled_from(FILTERS), policy=st.sampled_from(["explicit", "all", "none"]),
        max_deliver=st.integers(0, 3), max_ack_pending=st.sampled_from([0, 2, 5]), begin_with_lasts=st.booleans(),
        subjects=st.lists(st.sampled_from(SUBJECTS), max_size=60),
    )  # fmt: skip
    def begin(
        self, filters: tuple[bytes, ...], policy: str, max_deliver: int, max_ack_pending: int,
        begin_with_lasts: bool, subjects: list[bytes],
    ) -> None:  # fmt: skip
        limit = max_ack_pending if policy != "none" else 0
        self.filters = filters
        self.terms = Terms(policy, _WAIT_NS, (), max_deliver, limit)  # type: ignore[arg-type]
        self.now = 1000
        self.store = MemoryStore()
        self.disk = SimDisk(random.Random(0))
        self.record = ConsumerStore(self.disk, "c", "state", 1)
        self.model = Model(filters, self.terms)
        for subject in subjects:
            self.publish(subject)
        self.commit()
        self.ledger = self.new_ledger()
        if begin_with_lasts:
            lasts = last_seqs(self.store.index, list(filters) or [b">"], self.end)
            self.ledger.begin_with(lasts, self.end - 1)
            self.model.lasts, self.model.looked_from = lasts, self.end

    def new_ledger(self) -> Ledger:
        return Ledger(self.record, ConsumerFilter(self.store.index, self.filters), self.terms)

    @property
    def end(self) -> int:
        return self.store.committed_seq + 1

    # What the stream does ----------------------------------------------------------------------

    @rule(subject=st.sampled_from(SUBJECTS))
    def publish(self, subject: bytes) -> None:
        seq = self.store.append(subject, b"", b"x", self.now)
        self.model.live[seq] = subject

    @rule()
    def commit(self) -> None:
        job = self.store.begin_commit()
        if job is not None:
            job.run()
            self.store.finish_commit(job)

    @precondition(lambda self: self.model.live)
    @rule(choice=st.randoms(use_true_random=False))
    def remove(self, choice: random.Random) -> None:
        seq = choice.choice(list(self.model.live))
        subject = self.model.live.pop(seq)
        assert self.store.remove(seq)
        self.ledger.removed(seq, subject)
        self.model.settle(seq)

    @precondition(lambda self: self.model.live)
    @rule(choice=st.randoms(use_true_random=False))
    def purge(self, choice: random.Random) -> None:
        floor = choice.choice(list(self.model.live)) + 1
        self.commit()
        self.store.remove_below(floor)
        self.ledger.purged(self.store.index.first_seq())
        for seq in [seq for seq in self.model.live if seq < floor]:
            del self.model.live[seq]
            self.model.settle(seq)

    # What clients do ---------------------------------------------------------------------------

    @rule(count=st.integers(1, 8))
    def deliver(self, count: int) -> None:
        model = self.model
        for _ in range(count):
            self.now += 1
            expected = model.peek(self.end)
            seq = self.ledger.peek(self.end)
            assert seq == expected
            if not seq:
                return
            deliveries = model.pending[seq][1] + 1 if seq in model.pending else 1
            model.consumer_seq += 1
            assert self.ledger.next_delivery(seq) == (model.consumer_seq, deliveries)
            self.ledger.deliver(seq, self.now)
            if model.again:
                model.again.pop(0)
            elif seq in model.lasts:
                model.lasts.remove(seq)
            else:
                model.looked_from = seq + 1
            model.delivered = max(model.delivered, seq)
            if self.terms.ack_policy != "none":
                model.pending[seq] = [self.now, deliveries]

    @rule(limit=st.integers(1, 20))
    def deliver_many(self, limit: int) -> None:
        """A run is the beginning of what is new, in order; nothing at all where something else comes first."""
        model, self.now = self.model, self.now + 1
        seqs = self.ledger.run(self.end, limit)
        room = (
            self.terms.max_ack_pending - len(model.pending) if self.terms.max_ack_pending else limit
        )
        assert len(seqs) <= max(0, min(limit, room))
        assert seqs == model.new(self.end)[: len(seqs)]
        assert not seqs or not model.again
        if not seqs:
            return
        lasts = [seq for seq in model.lasts if seq in model.live]
        assert not lasts or set(seqs) <= set(lasts)
        self.ledger.deliver_run(seqs, self.now)
        for seq in seqs:
            model.consumer_seq += 1
            if self.terms.ack_policy != "none":
                model.pending[seq] = [self.now, 1]
        model.lasts = [seq for seq in model.lasts if seq not in seqs]
        if not lasts:
            model.looked_from = seqs[-1] + 1
        model.delivered = max(model.delivered, seqs[-1])

    @rule(choice=st.randoms(use_true_random=False), any_seq=st.booleans())
    def ack(self, choice: random.Random, any_seq: bool) -> None:
        model, state = self.model, self.record.state
        seq = choice.choice(
            [*range(self.end + 1)] if any_seq else [*model.pending, *model.exhausted, 0]
        )
        known = state.pending.get(seq)
        settled = self.ledger.ack(
            seq, known.consumer_seq if known else state.delivered_consumer_seq
        )
        if self.terms.ack_policy == "explicit":
            expected = [seq] if seq in model.pending or seq in model.exhausted else []
            assert (settled or []) == expected
        for each in settled or ():
            model.settle(each)

    @precondition(lambda self: self.model.pending)
    @rule(choice=st.randoms(use_true_random=False), delay=st.sampled_from([0, 0, 30]))
    def nak(self, choice: random.Random, delay: int) -> None:
        model = self.model
        seq = choice.choice(list(model.pending))
        assert self.ledger.nak(seq, self.now, delay)
        if delay:
            model.pending[seq][0] = self.now + delay - _WAIT_NS
            model.again = [each for each in model.again if each != seq]
        elif seq not in model.again:
            model.again.append(seq)
        self.exhaust()

    @precondition(lambda self: self.model.pending)
    @rule(choice=st.randoms(use_true_random=False))
    def progress(self, choice: random.Random) -> None:
        seq = choice.choice(list(self.model.pending))
        assert self.ledger.progress(seq, self.now)
        self.model.pending[seq][0] = self.now

    @rule(passed=st.integers(0, 150))
    def wait(self, passed: int) -> None:
        model = self.model
        self.now += passed
        due = self.ledger.expire(self.now)
        waiting = {s: p[0] + _WAIT_NS for s, p in model.pending.items() if s not in model.again}
        model.again += sorted(seq for seq, end in waiting.items() if end <= self.now)
        assert due == min((end for end in waiting.values() if end > self.now), default=0)
        self.exhaust()

    def exhaust(self) -> None:
        spent = {seq for seq, _ in self.ledger.exhaust()}
        limit = self.terms.max_deliver
        expected = {seq for seq in self.model.again if 0 < limit <= self.model.pending[seq][1]}
        assert spent == expected
        for seq in spent:
            self.model.settle(seq)
            self.model.exhausted.add(seq)

    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(1, self.end))
        self.ledger.reset(seq)
        takers, live = self.filters, self.model.live
        self.model = Model(takers, self.terms)
        self.model.live, self.model.looked_from, self.model.delivered = live, seq, seq - 1

    @precondition(lambda self: not self.model.lasts)
    @rule()
    def restart(self) -> None:
        """From disk: what was to go out again waits anew, or is due at once by its time."""
        self.commit()
        job = self.record.begin_flush(sync=True)
        if job is not None:
            job.run()
            self.record.finish_flush(job)
        self.record.close()
        self.record = ConsumerStore(self.disk, "c", "state", 1)
        self.ledger = self.new_ledger()
        self.ledger.reconcile(self.store.index.first_seq(), self.end)
        self.model.again = []
        self.model.looked_from = self.record.state.delivered_stream_seq + 1

    # What must hold ----------------------------------------------------------------------------

    @invariant()
    def is_as_the_model(self) -> None:
        model, state = self.model, self.record.state
        assert self.ledger.num_pending(self.end) == len(model.new(self.end))
        found = {seq: [each.time_ns, each.deliveries] for seq, each in state.pending.items()}
        assert found == model.pending
        assert set(state.exhausted) == model.exhausted
        assert list(state.pending) == sorted(state.pending)
        assert state.delivered_consumer_seq == model.consumer_seq
        floor_consumer_seq, floor_stream_seq = self.ledger.floor()
        assert floor_consumer_seq <= state.delivered_consumer_seq
        assert all(seq > floor_stream_seq for seq in state.pending)


LedgerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
test_ledger = LedgerMachine.TestCase


def test_a_client_acknowledges_no_more_than_there_was() -> None:
    store, record = MemoryStore(), ConsumerStore(SimDisk(random.Random(0)), "c", "state", 1)
    for _ in range(3):
        store.append(b"a", b"", b"x", 1)
    ledger = Ledger(record, ConsumerFilter(store.index, ()), Terms("all", _WAIT_NS))
    for seq in (1, 2):
        assert ledger.peek(4) == seq
        ledger.deliver(seq, 1)
    assert ledger.ack(3, 3) is None
    assert ledger.ack(1, 2**63) == [1]
    assert ledger.floor() == (2, 1)
