"""Both stores against a naive model: the same operations, the same answers, also after opening anew."""

import errno
import random
import struct
from itertools import pairwise

import pytest

from broker.storage.file_store import FileStore
from broker.storage.memory_store import MemoryStore
from broker.storage.segment import GROUPED, MESSAGE, RECORDS_AT, decode_head, encode_record
from broker.storage.store import DamagedMessage, Job, Message, StoreFailed, StreamStore, messages
from tests.broker.storage.test_subject_filter import naive
from tests.support.sim_disk import SimDisk

FILTERS = [b">", b"a.>", b"d.>", b"a.1", b"a.*", b"*.2.x", b"b.>", b"nothing.here"]
SUBJECTS = [b"a.1", b"a.2", b"b.1", b"b.2.x", b"c", b"a.2.x"] + [b"d.%d" % n for n in range(20)]


def open_file_store(disk: SimDisk, rng: random.Random) -> FileStore:
    return FileStore(disk, "s", rng.randbytes, segment_bytes_max=1500)


def commit(store: StreamStore) -> None:
    while (job := store.begin_commit()) is not None:
        job.run()
        store.finish_commit(job)


def maintain(store: StreamStore) -> None:
    while (job := store.begin_maintenance()) is not None:
        job.run()
        store.finish_maintenance(job)


class Run:
    """One sequence of operations on a store and on a dict."""

    def __init__(self, seed: int, on_disk: bool) -> None:
        self.rng = random.Random(seed)
        self.disk = SimDisk(self.rng)
        self.store: StreamStore = open_file_store(self.disk, self.rng) if on_disk else MemoryStore()
        self.on_disk = on_disk
        self.model: dict[int, Message] = {}
        self.last_seq = 0
        self.clock = 100

    def step(self) -> None:
        choice = self.rng.random()
        if choice < 0.6 or not self.model:
            self.append()
        elif choice < 0.85:
            self.remove()
        elif choice < 0.88:
            self.remove_below()
        elif choice < 0.97 or not self.on_disk:
            commit(self.store)
            maintain(self.store)
        else:
            self.reopen()

    def append(self) -> None:
        self.clock += self.rng.randrange(3)
        subject = self.rng.choice(SUBJECTS)
        header = self.rng.choice((b"", b"NATS/1.0\r\n\r\n"))
        payload = self.rng.randbytes(self.rng.choice((0, 20, 300)))
        jump = self.rng.choice((0, 0, 0, 3))
        wanted = self.last_seq + 1 + jump if jump else 0
        seq = self.store.append(subject, header, payload, self.clock, seq=wanted)
        assert seq == (wanted or self.last_seq + 1)
        self.last_seq = seq
        self.model[seq] = Message(seq, self.clock, subject, header, payload)

    def remove(self) -> None:
        seq = self.rng.choice([min(self.model), self.rng.choice(list(self.model)), 10**9])
        assert self.store.remove(seq, erase=self.rng.random() < 0.5) == (seq in self.model)
        self.model.pop(seq, None)

    def remove_below(self) -> None:
        floor = self.rng.randint(1, self.last_seq + 3)
        doomed = [seq for seq in self.model if seq < floor]
        assert self.store.remove_below(floor) == len(doomed)
        for seq in doomed:
            del self.model[seq]
        self.last_seq = max(self.last_seq, floor - 1)

    def reopen(self) -> None:
        commit(self.store)
        self.store.close()
        store = open_file_store(self.disk, self.rng)
        assert store.reports == []
        self.store = store

    def check(self) -> None:
        index = self.store.index
        assert list(messages(self.store)) == list(self.model.values())
        assert index.messages == len(self.model)
        assert index.bytes == sum(self.store.stored_size(*m[2:]) for m in self.model.values())
        assert index.last_seq == self.last_seq
        assert index.first_seq() == min(self.model, default=index.first_seq())
        assert len(index.subjects) == len({m.subject for m in self.model.values()})
        gaps = set(range(index.first_seq(), self.last_seq + 1)) - self.model.keys()
        assert index.deleted(10**6) == sorted(gaps)
        assert index.deleted(2) == sorted(gaps)[:2]
        at, start = self.rng.randint(0, self.clock + 1), self.rng.randint(0, self.last_seq + 2)
        later = [m.seq for m in self.model.values() if m.time_ns >= at]
        assert index.seq_at_time(at) == min(later, default=self.last_seq + 1)
        self.check_filters(start, self.rng.randint(start, self.last_seq + 2))

    def check_filters(self, start: int, end: int) -> None:
        index = self.store.index
        for each in FILTERS:
            taken = [seq for seq, m in self.model.items() if naive(each, m.subject)]
            within = [seq for seq in taken if start <= seq < end]
            assert index.next_matching(each, start, end) == min(within, default=None)
            assert index.count_matching(each, start, end) == len(within)
            run = index.run(start, end, self.rng.randint(1, 30), lambda s, f=each: naive(f, s))  # type: ignore[misc]
            assert run == within[: len(run)]
            assert not within or index.run(within[0], end, 1, lambda _: True) == within[:1]
            before = [seq for seq in taken if seq < end]
            assert index.previous_matching(each, end) == max(before, default=None)
            ids = index.subjects.matching(each)
            counts = {index.subjects.name(i): index.subjects.count_of(i) for i in ids}
            assert sum(counts.values()) == len(taken)


@pytest.mark.parametrize("on_disk", [True, False], ids=["file", "memory"])
@pytest.mark.parametrize("seed", range(25))
def test_a_store_does_what_a_dict_would(seed: int, on_disk: bool) -> None:
    run = Run(seed, on_disk)
    for _ in range(200):
        run.step()
        if run.rng.random() < 0.2:
            run.check()
    run.check()


def filled(count: int, payload: bytes = b"x" * 100) -> tuple[SimDisk, FileStore]:
    rng = random.Random(1)
    disk = SimDisk(rng)
    store = open_file_store(disk, rng)
    for n in range(count):
        store.append(b"s.%d" % (n % 3), b"", payload, n)
    commit(store)
    return disk, store


def disk_bytes(disk: SimDisk) -> int:
    return sum(disk.size_of(f"s/{name}") for name in disk.names("s"))


def test_deleting_gives_disk_space_back() -> None:
    disk, store = filled(300)
    before = disk_bytes(disk)
    for seq in range(1, 301):
        if seq % 10:
            store.remove(seq)
    commit(store)
    maintain(store)
    assert disk_bytes(disk) < before / 3
    assert [m.seq for m in messages(store)] == list(range(10, 301, 10))


def test_a_purge_gives_all_segments_back_but_the_last() -> None:
    disk, store = filled(300)
    store.remove_below(301)
    commit(store)
    maintain(store)
    assert len([name for name in disk.names("s") if name.endswith(".seg")]) <= 2
    assert open_file_store(disk, random.Random(2)).append(b"next", b"", b"", 1) == 301


def test_erased_messages_are_no_longer_on_disk() -> None:
    disk, store = filled(1, payload=b"secret text")
    store.append(b"s.1", b"", b"stays", 5)
    commit(store)
    assert any(b"secret text" in disk.read(f"s/{name}") for name in disk.names("s"))
    store.remove(1, erase=True)
    commit(store)
    maintain(store)
    assert not any(b"secret text" in disk.read(f"s/{name}") for name in disk.names("s"))
    assert [m.payload for m in messages(open_file_store(disk, random.Random(3)))] == [b"stays"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_write_error_makes_the_store_read_only_and_loses_nothing_committed(number: int) -> None:
    disk, store = filled(5)
    store.append(b"s.1", b"", b"refused", 9)
    store.remove(1)
    job = store.begin_commit()
    assert job is not None
    disk.fail_with(number)
    with pytest.raises(OSError) as raised:
        job.run()
    store.finish_commit(job, raised.value)
    assert errno.errorcode[number] in store.error
    assert store.committed_seq == 5
    with pytest.raises(StoreFailed, match=errno.errorcode[number]):
        store.append(b"s.1", b"", b"", 10)
    with pytest.raises(StoreFailed):
        store.remove(2)
    assert [m.seq for m in messages(open_file_store(disk, random.Random(4)))][:5] == [1, 2, 3, 4, 5]


def test_a_flipped_bit_costs_one_message_and_is_reported() -> None:
    disk, store = filled(30)
    store.close()
    rng = random.Random(5)
    names = [name for name in disk.names("s") if name.endswith(".seg")][:-1]
    for name in names:
        if name.replace(".seg", ".idx") in disk.names("s"):
            disk.unlink("s/" + name.replace(".seg", ".idx"))
    disk.flip_bit("s/" + names[0], 8 * (128 + rng.randrange(1000)))
    damaged = open_file_store(disk, rng)
    found = [m.seq for m in messages(damaged)]
    assert len(found) == 29
    assert len(damaged.reports) == 1
    report = damaged.reports[0]
    assert report.path == "s/" + names[0] and not report.torn
    gap = next(before for before, after in pairwise([0, *found]) if after != before + 1)
    assert report.after_seq == gap and f"after sequence {gap}" in str(report)


def test_decay_while_running_is_found_at_the_read() -> None:
    disk, store = filled(3)
    disk.flip_bit("s/" + disk.names("s")[0], 8 * 200)
    with pytest.raises(DamagedMessage, match="message 1 at byte 128"):
        store.read(1)
    assert [m.seq for m in messages(store)] == [2, 3]


def test_a_damaged_index_file_is_ignored() -> None:
    disk, store = filled(60)
    maintain(store)
    indexes = [name for name in disk.names("s") if name.endswith(".idx")]
    assert indexes
    for name in indexes:
        disk.flip_bit("s/" + name, 8 * 30)
    again = open_file_store(disk, random.Random(6))
    assert again.reports == [] and again.index.messages == 60


def test_staged_messages_are_readable_and_not_committed() -> None:
    _disk, store = filled(2)
    ticket = store.ticket
    seq = store.append(b"s.9", b"", b"staged", 7)
    assert store.read(seq) == Message(seq, 7, b"s.9", b"", b"staged")
    assert store.committed_seq == 2 and store.committed_ticket < ticket
    commit(store)
    assert store.committed_seq == seq and store.committed_ticket >= ticket


def test_what_is_on_its_way_is_read_from_there() -> None:
    disk = SimDisk(random.Random(7))
    store = FileStore(disk, "s", random.Random(7).randbytes, segment_bytes_max=400)
    messages_of = {seq: Message(seq, seq, b"s", b"", b"%d" % seq * 40) for seq in range(1, 13)}
    job = None
    for seq, message in messages_of.items():
        assert store.append(message.subject, message.header, message.payload, seq) == seq
        if seq == 8:
            job = store.begin_commit()  # of several segments, not written before all are staged
    assert [store.read(seq) for seq in messages_of] == list(messages_of.values())
    assert store.read_run(range(1, 13)) == list(messages_of.values())
    assert job is not None
    job.run()
    assert store.read_run(range(1, 13)) == list(messages_of.values())
    store.finish_commit(job)
    commit(store)
    assert store.read_run(range(1, 13)) == list(messages_of.values())


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 600])
@pytest.mark.parametrize("header", [b"", b"NATS/1.0\r\nA: 1\r\n\r\n"])
def test_a_message_on_disk_has_the_form_of_a_record(size: int, header: bytes) -> None:
    disk = SimDisk(random.Random(8))
    store = open_file_store(disk, random.Random(8))
    payload, wanted = random.Random(size).randbytes(size), []
    for seq, (expires_ns, mark, grouped) in enumerate([(0, 0, False), (-1, 3, True)], 5):
        store.append(
            b"a.b", header, payload, 1 << 60, seq=seq, expires_ns=expires_ns, mark=mark, grouped=grouped
        )  # fmt: skip
        wanted.append((GROUPED if grouped else MESSAGE, seq, expires_ns, mark))
    store.end_group()
    commit(store)
    data = disk.read("s/0000000001.seg")
    head = decode_head(data)
    assert head is not None
    at = RECORDS_AT
    for kind, seq, expires_ns, mark in wanted:
        record = encode_record(
            head.salt, kind, 1, seq, 1 << 60, expires_ns, mark, b"a.b", header, payload
        )
        assert data[at : at + len(record)] == record
        at += len(record)


def test_what_can_not_be_staged_leaves_nothing_behind() -> None:
    _disk, store = filled(2)
    with pytest.raises((ValueError, struct.error)):
        store.append(b"s" * 65_536, b"", b"", 7)
    with pytest.raises(AssertionError):
        store.append(b"s", b"", b"", 7, seq=2)
    assert store.index.last_seq == 2 and b"s" not in store.index.subjects
    assert store.append(b"s.9", b"", b"x", 7) == 3
    commit(store)
    assert [m.seq for m in messages(store)] == [1, 2, 3]


def test_one_commit_at_a_time() -> None:
    _disk, store = filled(1)
    store.append(b"a", b"", b"", 1)
    job: Job | None = store.begin_commit()
    assert job is not None
    store.append(b"b", b"", b"", 2)
    assert store.begin_commit() is None
    job.run()
    store.finish_commit(job)
    assert store.committed_seq == 2 and store.begin_commit() is not None


def test_expiry_and_marks_survive_and_go_with_their_message() -> None:
    rng = random.Random(7)
    disk = SimDisk(rng)
    store = open_file_store(disk, rng)
    for n in range(60):
        store.append(b"t", b"", b"y" * 60, n, expires_ns=-1 if n % 2 else 0, mark=n % 3)
    commit(store)
    maintain(store)
    store.remove(2)
    commit(store)
    again = open_file_store(disk, rng)
    for each in (store, again):
        assert 2 not in each.index.expires and 2 not in each.index.marks
        assert each.index.expires == {n + 1: -1 for n in range(60) if n % 2 and n != 1}
        assert each.index.marks == {n + 1: n % 3 for n in range(60) if n % 3 and n != 1}


def test_a_filter_that_takes_all_counts_as_none() -> None:
    store = MemoryStore()
    for number in range(30):
        store.append(b"orders.%d.paid" % (number % 7), b"", b"x", number)
    index = store.index
    assert index.subjects.all_match(b"orders.>") and index.count_matching(b"orders.>", 5, 20) == 15
    for other in (b"orders.*.paid", b"orders", b"order.>", b"orders.1.>"):
        assert not index.subjects.all_match(other)
    assert index.count_matching(b"orders.1.>", 5, 20) == 2
    store.append(b"another", b"", b"x", 31)
    assert not index.subjects.all_match(b"orders.>")
    assert index.count_matching(b"orders.>", 0, 99) == 30
