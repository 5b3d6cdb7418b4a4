"""Waiting for a condition with a deadline, which is what tests do instead of sleeping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, deadline_s: float = 10.0) -> T:
    """Return the first truthy answer; fail naming ``what`` when none came in time."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what}: not within {deadline_s:.0f} s"
        time.sleep(0.02)
    return answer


async def until(condition: Callable[[], Awaitable[T]], what: str, deadline_s: float = 10.0) -> T:
    """``wait_until`` for a coroutine function."""
    end = time.monotonic() + deadline_s
    while not (answer := await condition()):
        assert time.monotonic() < end, f"{what}: not within {deadline_s:.0f} s"
        await asyncio.sleep(0.02)
    return answer
