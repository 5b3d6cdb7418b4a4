"""The threads that write for JetStream: what they write is there when they say so, errors too, and none is lost."""

import asyncio
import errno
import os
import random
import threading
from pathlib import Path
from typing import Any

from broker.app.workers import Workers
from broker.storage.disk import OsDisk
from broker.storage.file_store import FileStore


def store_in(path: Path) -> FileStore:
    path.mkdir()
    return FileStore(OsDisk(), str(path), random.Random(1).randbytes)


class Writing:
    """A store that commits one message after the other, each when the one before is on disk."""

    def __init__(self, workers: Workers, store: FileStore, messages: int) -> None:
        self.workers, self.store, self.left = workers, store, messages
        self.errors: list[OSError] = []

    def go_on(self) -> None:
        self.left -= 1
        self.store.append(b"s", b"", b"%d" % self.left * 50, 1)
        job = self.store.begin_commit()
        assert job is not None

        def done(error: OSError | None) -> None:
            self.store.finish_commit(job, error)
            if error is not None:
                self.errors.append(error)
            elif self.left:
                self.go_on()

        self.workers.run(job, done)


async def test_commits_of_many_streams_are_on_disk_when_they_are_done(tmp_path: Path) -> None:
    workers = Workers(asyncio.get_running_loop())
    writings = [Writing(workers, store_in(tmp_path / str(n)), 60) for n in range(12)]
    for writing in writings:
        writing.go_on()
    await workers.drain()
    for n, writing in enumerate(writings):
        assert writing.store.committed_seq == 60 and not writing.errors
        found = FileStore(OsDisk(), str(tmp_path / str(n)), random.Random(1).randbytes)
        assert [m.payload for m in found.read_run(range(1, 61))] == [
            b"%d" % left * 50 for left in range(59, -1, -1)
        ]


async def test_an_error_of_the_disk_is_told(tmp_path: Path) -> None:
    workers = Workers(asyncio.get_running_loop())
    writing = Writing(workers, store_in(tmp_path / "s"), 1)
    writing.go_on()
    await workers.drain()
    writing.workers = workers = Workers(asyncio.get_running_loop())
    segment = writing.store._segments[-1]
    read_only = os.open(segment.path, os.O_RDONLY)
    os.dup2(read_only, segment.file().fileno())  # type: ignore[attr-defined]
    os.close(read_only)
    writing.left = 1
    writing.go_on()
    await workers.drain()
    assert [error.errno for error in writing.errors] == [errno.EBADF]
    assert writing.store.error and writing.store.committed_seq == 1


async def test_whose_end_fails_does_not_hide_the_end_of_others(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: reported.append(context))
    workers = Workers(loop)
    ended: list[int] = []

    def end(number: int) -> None:
        ended.append(number)
        if number % 2:
            raise RuntimeError(str(number))

    for number in range(6):
        store = store_in(tmp_path / str(number))
        writing = Writing(workers, store, 1)
        writing.go_on()
    await workers.drain()
    workers = Workers(loop)
    for number in range(6):
        store = FileStore(OsDisk(), str(tmp_path / str(number)), random.Random(1).randbytes)
        for payload in (b"first", b"second"):  # the second one needs neither opening nor room
            store.append(b"s", b"", payload, 2)
            job = store.begin_commit()
            assert job is not None
            if payload == b"first":
                job.run()
                store.finish_commit(job)
            else:
                workers.run(job, lambda _error, number=number: end(number))  # type: ignore[misc]
    await workers.drain()
    assert sorted(ended) == list(range(6)) and len(reported) == 3


def test_what_is_one_write_is_told(tmp_path: Path) -> None:
    store = store_in(tmp_path / "s")
    for payload, is_one in ((b"new", False), (b"x", True), (bytes(100_000), False), (b"y", True)):
        store.append(b"s", b"", payload, 1)
        job = store.begin_commit()
        assert job is not None
        write = job.as_one_write()
        assert (write is not None) == is_one
        if write is not None:
            before = Path(store._segments[-1].path).read_bytes()
            job.run()
            after = Path(store._segments[-1].path).read_bytes()
            end = write.offset + len(write.data)
            assert after == before[: write.offset] + write.data + before[end:] and write.sync
        else:
            job.run()
        store.finish_commit(job)
    store.close()


async def test_threads_end_with_the_server(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    workers = Workers(asyncio.get_running_loop())
    writing = Writing(workers, store_in(tmp_path / "s"), 5)
    writing.go_on()
    await workers.drain()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert set(threading.enumerate()) <= before
