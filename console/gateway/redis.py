"""Redis clients for threads. Those for the event loop are made where they are used (``taps``, ``watch``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import redis
from django.conf import settings

from console.gateway.errors import BrokerUnavailable

#: Longest wait for one answer of Redis; longer than any blocking read that we ask for.
SOCKET_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 1.0
CONNECTIONS_MAX = 64


def client() -> "redis.Redis":
    """The shared client; thread-safe. Answers are bytes."""
    return _client(settings.REDIS_URL)


@contextmanager
def asking() -> Iterator["redis.Redis"]:
    """The client, with every failure of Redis as BrokerUnavailable."""
    try:
        yield client()
    except (redis.RedisError, OSError) as error:
        raise BrokerUnavailable("The coordination layer (Redis) doesn't answer.") from error


@lru_cache(maxsize=4)
def _client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        max_connections=CONNECTIONS_MAX,
        health_check_interval=15,
    )
