"""Tasks that run as one end as one."""

import asyncio

import pytest

from broker.coordination.together import together


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_failure_ends_all_and_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await asyncio.wait_for(together(forever(), fail(), forever()), 5)


async def test_a_cancellation_that_a_task_swallows_is_repeated() -> None:
    swallowed: list[int] = []

    async def stubborn() -> None:
        while len(swallowed) < 2:
            try:
                await forever()
            except asyncio.CancelledError:
                swallowed.append(1)

    running = asyncio.create_task(together(stubborn(), forever()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert running.cancelled()
    assert len(swallowed) == 2
