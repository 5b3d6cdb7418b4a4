"""A consumer's state through changes, folding, crashes and damage."""

import copy
import errno
import random

import pytest

from broker.storage import consumer_store
from broker.storage.consumer_state import ConsumerState, Pending
from broker.storage.consumer_store import ConsumerStore
from tests.support.sim_disk import SimCrash, SimDisk


def flush(store: ConsumerStore, *, sync: bool) -> None:
    job = store.begin_flush(sync=sync)
    if job is None:
        return
    try:
        job.run()
    except OSError as error:
        store.finish_flush(job, error)
    else:
        store.finish_flush(job)


def change(store: ConsumerStore, rng: random.Random) -> None:
    state = store.state
    choice = rng.random()
    if choice < 0.5 or not state.pending:
        seq = state.delivered_stream_seq + 1
        consumer_seq = state.delivered_consumer_seq + 1
        store.delivered(seq, consumer_seq, rng.randrange(99), pending=rng.random() < 0.9)
    elif choice < 0.7:
        consumer_seq = state.delivered_consumer_seq + 1
        store.delivered(rng.choice(list(state.pending)), consumer_seq, 7, pending=True)
    elif choice < 0.75:
        store.touched(rng.choice(list(state.pending)), rng.randrange(99), rng.randrange(1, 9))
    elif choice < 0.8:
        store.exhausted(rng.choice(list(state.pending)), rng.randrange(1, 9))
    elif choice < 0.98:
        store.acked(rng.choice([*state.pending, *state.exhausted]))
        if not state.pending:
            store.floor(state.delivered_stream_seq, state.delivered_consumer_seq)
    else:
        store.reset(rng.randrange(5), rng.randrange(5))


@pytest.mark.parametrize("seed", range(60))
def test_what_was_synced_survives_and_the_rest_is_a_prefix(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_store, "_LOG_BYTES_MIN", 300)
    rng = random.Random(seed)
    disk = SimDisk(rng)
    store = ConsumerStore(disk, "c", "one", 5)
    #: Every state since the last sync, that one first: what a crash may leave.
    possible = [ConsumerState()]
    for _ in range(rng.randint(20, 150)):
        disk.crash_after = rng.randint(0, 6) if rng.random() < 0.05 else None
        try:
            for _ in range(rng.randrange(4)):
                change(store, rng)
            possible.append(copy.deepcopy(store.state))
            sync = rng.random() < 0.5
            flush(store, sync=sync)
            if sync:
                possible = possible[-1:]
        except SimCrash:
            disk = disk.crash()
            store = ConsumerStore(disk, "c", "one", 5)
            assert store.state in possible
            possible = [copy.deepcopy(store.state)]


def test_the_file_is_folded_when_its_log_is_long() -> None:
    disk = SimDisk(random.Random(1))
    store = ConsumerStore(disk, "c", "one", 5)
    for seq in range(1, 20_001):
        store.delivered(seq, seq, seq, pending=True)
        store.acked(seq)
        if seq % 10 == 0:
            store.floor(seq, seq)
            flush(store, sync=False)
    assert disk.size_of("c/one") < 80_000
    again = ConsumerStore(disk, "c", "one", 5)
    assert again.state == store.state and again.report == ""


def test_every_flipped_bit_of_the_log_leaves_an_earlier_state_and_is_reported() -> None:
    disk = SimDisk(random.Random(2))
    store = ConsumerStore(disk, "c", "one", 5)
    states = [ConsumerState()]
    for seq in (1, 2, 3):
        store.delivered(seq, seq, 9, pending=True)
        flush(store, sync=True)
        states.append(copy.deepcopy(store.state))
    data = disk.read("c/one")
    for bit in range(12 * 8, len(data) * 8):
        damaged = SimDisk(random.Random(3))
        damaged.open("c/one").write_at(data, 0)
        damaged.flip_bit("c/one", bit)
        again = ConsumerStore(damaged, "c", "one", 5)
        assert again.state in states[:-1]
        assert "torn or damaged" in again.report


def test_deliveries_are_counted() -> None:
    disk = SimDisk(random.Random(4))
    store = ConsumerStore(disk, "c", "one", 5)
    store.delivered(1, 1, 10, pending=True)
    store.delivered(1, 2, 20, pending=True)
    flush(store, sync=True)
    assert ConsumerStore(disk, "c", "one", 5).state.pending == {1: Pending(1, 20, 2)}


def test_a_write_error_is_named_and_stays() -> None:
    disk = SimDisk(random.Random(5))
    store = ConsumerStore(disk, "c", "one", 5)
    store.delivered(1, 1, 10, pending=True)
    disk.fail_with(errno.ENOSPC)
    flush(store, sync=True)
    assert store.error.startswith("c/one: ") and "ENOSPC" in store.error
    disk.failure = None
    assert store.begin_flush(sync=True) is None
