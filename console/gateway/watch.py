"""What sockets watch on the event loop: the channel of notices, and the broker's usage and presence."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from broker.contract import channels
from broker.contract.reports import Presence, Usage
from console.gateway import notices
from console.gateway.errors import BrokerUnavailable
from console.gateway.reports import join_usage, read_presence

PAUSE_S = 0.5
TIMEOUT_S = 2.0

Notice = dict[str, Any]


async def listen() -> AsyncGenerator[Notice | None, None]:
    """Notices; None whenever the channel was joined (anew): what came meanwhile is unknown. Outlives Redis."""
    while True:
        redis = _client()
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.subscribe(notices.CHANNEL)
                yield None
                while True:
                    message: Any = await pubsub.get_message(timeout=60.0)
                    if message is not None and (notice := _read(message["data"])) is not None:
                        yield notice
                    elif message is None:
                        await pubsub.ping()
        except (RedisError, OSError):
            await asyncio.sleep(PAUSE_S * (0.5 + random.random()))  # noqa: S311
        finally:
            with contextlib.suppress(RedisError, OSError):
                await redis.aclose()


class Reports:
    """Asks Redis for what brokers report; one connection, opened when first needed."""

    def __init__(self) -> None:
        self._redis = _client()

    async def servers(self) -> list[Presence]:
        """Raises BrokerUnavailable."""
        try:
            ids = await self._ids()
            raw: Any = await self._redis.mget(list(map(channels.presence, ids))) if ids else []
        except (RedisError, OSError) as error:
            raise BrokerUnavailable("Redis doesn't answer.") from error
        return [presence for entry in raw if (presence := read_presence(entry))]

    async def usage(self, accounts: Sequence[str]) -> dict[str, Usage]:
        """Raises BrokerUnavailable."""
        if not accounts:
            return {}
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for name in await self._ids():
                pipeline.hmget(channels.usage(name), list(accounts))
            return join_usage(accounts, await pipeline.execute())
        except (RedisError, OSError) as error:
            raise BrokerUnavailable("Redis doesn't answer.") from error

    async def close(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _ids(self) -> list[str]:
        members: Any = await self._redis.smembers(channels.SERVERS)
        return sorted(member.decode("ascii", "replace") for member in members)


def _client() -> "Redis":
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=TIMEOUT_S)


def _read(raw: bytes) -> Notice | None:
    try:
        notice = json.loads(raw)
    except ValueError:
        return None
    return notice if isinstance(notice, dict) and isinstance(notice.get("group"), str) else None
