"""The bus on Redis or Valkey, through redis-py's asyncio client.

Two kinds of connections: a small pool for calls, and one per ``listen``. A call on a connection that has
died since is tried once more on a new one; then it fails. Only ``listen`` waits for a lost server.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from broker.coordination.bus import CALL_TIMEOUT_S, BusError, Connected, Heard, Lost, Published

CONNECTIONS_MAX = 8
CONNECT_TIMEOUT_S = 3.0
#: A silent listening connection is asked for a sign of life this often.
HEALTH_CHECK_S = 5.0
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 5.0
_SCAN_COUNT = 500


class RedisBus:
    """``url`` as redis-py takes it: ``redis://``, ``rediss://`` or ``unix://``. Connects at the first call."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {
            "socket_timeout": CALL_TIMEOUT_S,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "health_check_interval": HEALTH_CHECK_S,
            "retry": Retry(NoBackoff(), 1),
        }
        try:
            self._redis = redis.Redis.from_pool(
                redis.BlockingConnectionPool.from_url(
                    url, max_connections=CONNECTIONS_MAX, timeout=CALL_TIMEOUT_S, **options
                )
            )
            self._listening = redis.Redis.from_pool(redis.ConnectionPool.from_url(url, **options))
        except ValueError:
            raise BusError("url: not redis://, rediss:// or unix://") from None
        self._closed = asyncio.Event()

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await _call(self._redis.get(key))
        return value

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return list(await _call(self._redis.mget(keys))) if keys else []

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        await _call(self._redis.set(key, value, px=_ms(ttl_s) if ttl_s is not None else None))

    async def delete(self, key: str) -> None:
        await _call(self._redis.delete(key))

    async def set_add(self, key: str, member: str) -> None:
        await _call(self._redis.sadd(key, member))

    async def set_remove(self, key: str, member: str) -> None:
        await _call(self._redis.srem(key, member))

    async def set_members(self, key: str) -> frozenset[str]:
        members = await _call(self._redis.smembers(key))
        return frozenset(member.decode(errors="replace") for member in members)

    async def hash_get(self, key: str, fields: Sequence[str]) -> list[bytes | None]:
        return list(await _call(self._redis.hmget(key, list(fields)))) if fields else []

    async def hash_update(
        self, key: str, values: Mapping[str, bytes], removed: Sequence[str] = (), *, ttl_s: float
    ) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            if values:
                pipeline.hset(key, mapping=dict[Any, Any](values))
            if removed:
                pipeline.hdel(key, *removed)
            pipeline.pexpire(key, _ms(ttl_s))
            await _call(pipeline.execute())

    async def hash_scan(self, key: str) -> AsyncIterator[tuple[str, bytes]]:
        cursor = 0
        while True:
            cursor, fields = await _call(self._redis.hscan(key, cursor, count=_SCAN_COUNT))
            for field, value in fields.items():
                yield field.decode(errors="replace"), value
            if cursor == 0:
                return

    async def publish(self, channel: str, data: bytes) -> int:
        return int(await _call(self._redis.publish(channel, data)))

    async def push(self, key: str, value: bytes, *, ttl_s: float) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lpush(key, value)
            pipeline.pexpire(key, _ms(ttl_s))
            await _call(pipeline.execute())

    async def stream_add(
        self, key: str, field: str, values: Sequence[bytes], *, length_max: int
    ) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for value in values:
                pipeline.xadd(key, {field: value}, maxlen=length_max, approximate=True)
            await _call(pipeline.execute())

    async def listen(self, channels: Sequence[str]) -> AsyncIterator[Heard]:
        pause_s = RETRY_FIRST_S
        while not self._closed.is_set():
            try:
                async for item in self._listen_once(channels):
                    pause_s = RETRY_FIRST_S
                    yield item
            except (RedisError, OSError, TimeoutError) as error:
                yield Lost(_sentence(error))
                await self._pause(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)

    async def _listen_once(self, channels: Sequence[str]) -> AsyncIterator[Heard]:
        """Until the connection is lost (raises) or the bus closed (ends)."""
        async with self._listening.pubsub() as pubsub:
            await pubsub.subscribe(*channels)
            while not self._closed.is_set():
                message = await pubsub.get_message(timeout=1.0)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    if message["data"] == len(channels):  # again after a reconnect by the client
                        yield Connected()
                elif message["type"] == "message":
                    yield Published(message["channel"].decode(errors="replace"), message["data"])

    async def _pause(self, seconds: float) -> None:
        jittered = seconds * random.uniform(0.5, 1.0)  # noqa: S311 (spreads reconnects, no secret)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(jittered):
                await self._closed.wait()

    async def close(self) -> None:
        self._closed.set()
        await self._redis.aclose(close_connection_pool=True)
        await self._listening.aclose(close_connection_pool=True)


async def _call(reply: Any) -> Any:
    """Awaits one command. redis-py's types promise text or bytes and both worlds, sync and async: hence Any."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):  # wait_for may swallow a cancellation
            return await reply
    except (RedisError, OSError, TimeoutError) as error:
        raise BusError(_sentence(error)) from None


def _sentence(error: Exception) -> str:
    """What happened, without address: redis-py's texts may hold host and path."""
    if isinstance(error, redis.ResponseError):
        return str(error)[:200]
    return {
        "AuthenticationError": "Redis refused the password",
        "TimeoutError": "Redis didn't answer in time",
        "BusyLoadingError": "Redis is still loading its data",
    }.get(type(error).__name__, "Redis can't be reached")


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
