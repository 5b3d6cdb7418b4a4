"""A thread for what would hold up the loop: the checks of hashed passwords, one after the other."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Worker:
    """The thread begins with the first job."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool: ThreadPoolExecutor | None = None

    def run(self, job: Callable[[], bool], done: Callable[[bool], None]) -> None:
        """``job`` in the thread, then ``done`` with its answer on the loop. Jobs raise nothing."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "passwords")

        def work() -> None:
            answer = job()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(done, answer)

        self._pool.submit(work)

    def stop(self) -> None:
        """Jobs that haven't begun never do."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
