"""One event loop in a thread of its own, for work that threads start and that must outlive them.

Connections to NATS and to the channel layer belong to an event loop; views run in a thread per request, and the
keeper in another. All of them hand their coroutines to this loop.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


def submit(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Starts the coroutine on the background loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop())


def call(coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """Waits for the result. Raises TimeoutError after cancelling the coroutine."""
    future = submit(coroutine)
    try:
        return future.result(timeout_s)
    except TimeoutError:
        future.cancel()
        raise


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="gateway-loop", daemon=True).start()
    return loop
