"""One tap at the broker: asked for in Redis, kept by renewing its lease, read from its channel of frames.

``open_tap`` outlives every failure of Redis: it says ``Lost``, tries again with growing pauses, says ``Back``.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from broker.contract import channels
from broker.contract.frames import RECORDS_BYTES_MAX
from broker.contract.taps import TapSpec

#: A frame's records may exceed their limit by one record, whose headers may be as large as a message may be.
FRAME_BYTES_MAX = RECORDS_BYTES_MAX + 2 * 1024 * 1024
PAUSE_FIRST_S = 0.1
PAUSE_MAX_S = 2.0
CONNECT_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Lost:
    """Redis doesn't answer any more; frames that the broker sends from now on are missed."""


@dataclass(frozen=True, slots=True)
class Back:
    """Redis answers (again); ``away_s`` is how long it didn't, 0 the first time."""

    away_s: float


Signal = bytes | Lost | Back


async def open_tap(spec: TapSpec, url: str = "") -> AsyncGenerator[Signal, None]:
    """Frames as bytes, and what becomes of Redis. The tap ends when this is closed, or at the latest with its lease."""
    pause_s, lost_s = PAUSE_FIRST_S, 0.0
    while True:
        redis = Redis.from_url(
            url or settings.REDIS_URL,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=None,
            retry_on_error=[],
        )
        try:
            async with contextlib.aclosing(_frames(redis, spec)) as frames:
                async for frame in frames:
                    if frame is None:
                        yield Back(time.monotonic() - lost_s if lost_s else 0.0)
                        pause_s, lost_s = PAUSE_FIRST_S, 0.0
                    else:
                        yield frame
        except (RedisError, OSError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None  # redis-py made another error of it
            if not lost_s:
                lost_s = time.monotonic()
                yield Lost()
        finally:
            with contextlib.suppress(RedisError, OSError):
                await redis.aclose()
        # All web processes lost it together: they shall not come back in one instant.
        await asyncio.sleep(pause_s * (0.5 + random.random()))  # noqa: S311
        pause_s = min(2 * pause_s, PAUSE_MAX_S)


async def _frames(redis: "Redis", spec: TapSpec) -> AsyncGenerator[bytes | None, None]:
    """None once the tap was asked for, then frames. Ends only by an exception, or by being closed."""
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        # Subscribed before it is asked for: the first frame isn't missed.
        await pubsub.subscribe(channels.tap_frames(spec.id))
        try:
            await _renew(redis, spec)
            yield None
            renew_at_s = time.monotonic() + channels.TAP_RENEW_S
            while True:
                left_s = renew_at_s - time.monotonic()
                if left_s <= 0:
                    await _renew(redis, spec)
                    renew_at_s = time.monotonic() + channels.TAP_RENEW_S
                    continue
                message: Any = await pubsub.get_message(timeout=left_s)
                if message is not None and len(message["data"]) <= FRAME_BYTES_MAX:
                    yield message["data"]
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await asyncio.wait_for(_end(redis, spec), CONNECT_TIMEOUT_S)


async def _renew(redis: "Redis", spec: TapSpec) -> None:
    """Writes the lease; tells the broker when there was none, be it the first time or since Redis lost its data."""
    pipeline = redis.pipeline(transaction=True)
    pipeline.sadd(channels.TAPS, spec.id)
    pipeline.set(channels.tap(spec.id), spec.to_json(), ex=channels.TAP_LEASE_S, get=True)
    _, before = await pipeline.execute()
    if before is None:
        await redis.publish(channels.TAPS_CHANGED, spec.id)


async def _end(redis: "Redis", spec: TapSpec) -> None:
    pipeline = redis.pipeline(transaction=True)
    pipeline.delete(channels.tap(spec.id))
    pipeline.srem(channels.TAPS, spec.id)
    pipeline.publish(channels.TAPS_CHANGED, spec.id)
    await pipeline.execute()
