"""How often something happened in this minute, counted in Redis, so for all web processes together.

Without Redis nothing is counted and everybody is let through: a limit is worth less than an answer. The log says so.
"""

import logging
import time

import redis

from broker.contract import channels
from console.gateway.redis import client

log = logging.getLogger(__name__)

WINDOW_S = 60
#: So long nothing is counted after Redis didn't answer: a Redis that hangs must not hold up every request.
AWAY_S = 10.0

_away_until_s = 0.0


def count(what: str, now_s: float) -> int:
    """One more of ``what`` in the minute of ``now_s`` (Unix time); how many that makes, 0 if nobody counts."""
    global _away_until_s
    if time.monotonic() < _away_until_s:
        return 0
    key = channels.rate(what, int(now_s) // WINDOW_S)
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, 2 * WINDOW_S)
            return int(pipe.execute()[0])
    except (redis.RedisError, OSError) as error:
        _away_until_s = time.monotonic() + AWAY_S
        log.warning("Requests aren't counted, and so not limited: Redis doesn't answer: %s", error)
        return 0
