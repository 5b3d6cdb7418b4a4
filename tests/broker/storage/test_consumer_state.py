"""The state of a consumer in both builds: the same operations, the same state, the same bytes."""

import random

import pytest

from broker import builds
from broker.storage import consumer_state
from tests.support.plain_build import plain


def _operation(rng: random.Random, last: int, last_consumer: int) -> tuple[int, int, int, int]:
    """One that a consumer can come to: new messages follow the last one, everything else is about any."""
    kind, seq, time_ns = rng.randint(1, 9), rng.randint(1, last + 1), rng.randrange(1000)
    if kind == consumer_state.RUN:
        first = last + rng.randint(1, 3)
        return kind, first, first + rng.randrange(6), time_ns
    if kind == consumer_state.ACKED_RUN:
        return kind, seq, seq + rng.randrange(4), 0
    if kind == consumer_state.PENDING:
        return kind, rng.choice((seq, last + rng.randint(1, 3))), last_consumer + 1, time_ns
    if kind == consumer_state.DELIVERED:
        return kind, last + 1, last_consumer + 1, time_ns
    if kind == consumer_state.RESET and rng.random() < 0.8:
        kind = consumer_state.ACKED
    if kind == consumer_state.ACKED:
        return kind, seq, 0, 0
    return kind, seq, rng.randrange(1, 9), time_ns


def _sequences(state: consumer_state.ConsumerState) -> tuple[int, ...]:
    return (
        state.delivered_consumer_seq, state.delivered_stream_seq,
        state.floor_consumer_seq, state.floor_stream_seq,
    )  # fmt: skip


@pytest.mark.skipif(builds.speedups is None, reason="nothing compiled: there is only one")
@pytest.mark.parametrize("seed", range(20))
def test_both_builds_hold_and_write_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    other = plain(consumer_state, monkeypatch)
    rng = random.Random(seed)
    ours, theirs = consumer_state.ConsumerState(), other.ConsumerState()
    log, its_log = consumer_state.ChangeLog(), other.ChangeLog()
    for _ in range(300):
        operation = _operation(rng, ours.delivered_stream_seq, ours.delivered_consumer_seq)
        for state, changes in ((ours, log), (theirs, its_log)):
            state.apply(*operation)
            changes.add(*operation)
        assert sorted(ours.pending.items()) == sorted(theirs.pending.items())
        assert list(ours.pending) == sorted(ours.pending)
        assert len(ours.pending) == len(theirs.pending) and ours.exhausted == theirs.exhausted
        assert _sequences(ours) == _sequences(theirs)
        for seq in range(ours.delivered_stream_seq + 2):
            assert ours.pending.get(seq) == theirs.pending.get(seq)
        but = {seq for seq in ours.pending if rng.random() < 0.2}
        for waits_ns in ((100,), (10, 500, 20)):
            found, due_ns = theirs.pending.expired(600, waits_ns, but)
            assert ours.pending.expired(600, waits_ns, but) == (sorted(found), due_ns)
        assert len(log) == len(its_log)
        if rng.random() < 0.1:
            assert log.take() == its_log.take()
    again = other.ConsumerState()
    again.apply_all(ours.snapshot())
    assert again == theirs


def test_a_log_leads_to_the_state_that_it_came_from() -> None:
    rng = random.Random(3)
    state, log = consumer_state.ConsumerState(), consumer_state.ChangeLog()
    for _ in range(2000):
        operation = _operation(rng, state.delivered_stream_seq, state.delivered_consumer_seq)
        state.apply(*operation)
        log.add(*operation)
    again = consumer_state.ConsumerState()
    again.apply_all(log.take())
    assert again == state


def test_acknowledgements_in_a_row_are_one_operation() -> None:
    state, log = consumer_state.ConsumerState(), consumer_state.ChangeLog()
    acks = [(consumer_state.ACKED, seq, 0) for seq in range(1, 1000)]
    for kind, first, last in ((consumer_state.RUN, 1, 1000), *acks):
        state.apply(kind, first, last, 0)
        log.add(kind, first, last, 0)
    assert len(log) == 2 * 25
    again = consumer_state.ConsumerState()
    again.apply_all(log.take())
    assert again == state and list(again.pending) == [1000]


def test_a_number_that_no_message_has_is_not_pending() -> None:
    state = consumer_state.ConsumerState()
    state.apply(consumer_state.RUN, 1, 3, 0)
    assert state.pending.get(10**30) is None and -(10**30) not in state.pending
