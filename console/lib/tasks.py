"""Ending asyncio tasks for certain."""

import asyncio
from typing import Any

AGAIN_S = 0.5


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancels until it has ended: a cancellation that meets redis-py while it connects can get lost in there."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=AGAIN_S)
