"""Threads for JetStream's jobs, which block."""

import asyncio
import logging
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Final

from broker import builds
from broker.jetstream.environment import Done
from broker.storage.jobs import CommitJob
from broker.storage.store import Job

log = logging.getLogger("broker")

#: Jobs that block at a time: streams don't wait for one another's disk.
_THREADS: Final = 8


class Workers:
    """Threads are begun as they are needed. ``drain`` waits until all that was begun has been answered.

    Plainer than the library's executor, because this hop is part of the latency of each publish. In the compiled build
    a commit that is one write goes to threads that need no interpreter (``broker/speedups/writers.pxi``).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._writers = None if builds.speedups is None else _Writers(loop, self._finish)

    def run(self, job: Job, done: Done) -> None:
        self._pending += 1
        if self._writers is not None and isinstance(job, CommitJob):
            write = job.as_one_write()
            if write is not None:
                self._writers.put(*write, done)
                return
        if self._pending > len(self._threads) and len(self._threads) < _THREADS:
            self._threads.append(_begin(self._work))
        self._jobs.put((job, done))

    def _work(self) -> None:
        while (task := self._jobs.get()) is not None:
            job, done = task
            failure: OSError | None = None
            try:
                job.run()
            except OSError as error:
                failure = error
            except Exception as error:  # a defect must not look like a success
                log.exception("JetStream: a job failed")
                failure = OSError(f"internal error: {error!r}")
            self._loop.call_soon_threadsafe(self._finish, done, failure)

    def _finish(self, done: Done, failure: OSError | None) -> None:
        try:
            done(failure)
        finally:
            self._pending -= 1
            if not self._pending:
                self._idle.set()

    async def drain(self) -> None:
        while self._pending:
            self._idle.clear()
            await self._idle.wait()
        for _ in self._threads:
            self._jobs.put(None)
        if self._writers is not None:
            self._writers.close()


class _Writers:
    """The compiled threads, and the pipe by which they say that something is finished."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, finish: Callable[[Done, OSError | None], None]
    ) -> None:
        self._loop, self._finish = loop, finish
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._writers = builds.speedups.Writers(self._write_fd)
        self._threads: list[Thread] = []
        self._pending = 0
        loop.add_reader(self._read_fd, self._collect)

    def put(self, fd: int, data: bytearray, offset: int, sync: bool, done: Done) -> None:
        self._pending += 1
        if self._pending > len(self._threads) and len(self._threads) < _THREADS:
            self._threads.append(_begin(self._writers.work))
        self._writers.put(fd, data, offset, sync, done)

    def _collect(self) -> None:
        os.read(self._read_fd, 4096)
        found = [
            (done, OSError(errno, os.strerror(errno)) if errno else None)
            for done, errno in self._writers.collect()
        ]
        self._pending -= len(found)
        for each in found[1:]:  # by themselves: what one of them raises is not the others' business
            self._loop.call_soon(self._finish, *each)
        if found:
            self._finish(*found[0])

    def close(self) -> None:
        """Nothing is pending."""
        self._loop.remove_reader(self._read_fd)
        self._writers.close()
        for thread in self._threads:
            thread.join()
        os.close(self._read_fd)
        os.close(self._write_fd)


def _begin(work: Callable[[], None]) -> Thread:
    thread = Thread(target=work, name="jetstream", daemon=True)
    thread.start()
    return thread
