"""Running several tasks as one, and ending them for certain."""

import asyncio
from collections.abc import Coroutine
from typing import Any

#: A cancellation that was swallowed is repeated this soon.
_AGAIN_S = 0.2


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Until one of them fails, which is raised, or this task is cancelled; then all the others are ended.

    asyncio's TaskGroup cancels once. redis-py writes under ``asyncio.wait_for``, which before Python 3.12 loses a
    cancellation that comes in the moment when its result does; so here it is repeated until every task has ended.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await _end(tasks)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
