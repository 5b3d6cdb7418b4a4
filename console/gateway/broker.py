"""Commands to the broker, each with a deadline (``broker.contract.commands``)."""

import secrets
from time import monotonic
from typing import Any

from redis import Redis

from broker.contract import channels
from broker.contract.commands import Command, Reply, Verb
from console.gateway.errors import BrokerRefused, BrokerUnavailable
from console.gateway.redis import SOCKET_TIMEOUT_S, asking

TIMEOUT_S = 2.0


def ask(verb: Verb, *, timeout_s: float = TIMEOUT_S, **args: Any) -> dict[str, Any]:
    """The reply's data. Raises BrokerUnavailable when none comes in time, BrokerRefused with the broker's own words."""
    command = Command(secrets.token_hex(12), verb, args)
    with asking() as redis:
        if not redis.publish(channels.COMMANDS, command.to_json()):
            raise BrokerUnavailable("No broker is running.")
        answer = _reply(redis, channels.reply(command.id), timeout_s)
    if answer is None:
        raise BrokerUnavailable("The broker didn't answer in time.")
    try:
        reply = Reply.from_json(answer[1])
    except ValueError as error:
        raise BrokerUnavailable("The broker's answer couldn't be read.") from error
    if not reply.ok:
        raise BrokerRefused(reply.error or "The broker refused.")
    return reply.data


def _reply(redis: Redis, key: str, timeout_s: float) -> Any:
    """None when none comes in time. Waits in pieces that are shorter than the connection's own patience."""
    end_s = monotonic() + timeout_s
    while (left_s := end_s - monotonic()) > 0:
        # 0 would be for ever, and Redis counts milliseconds
        piece_s = min(max(left_s, 0.01), SOCKET_TIMEOUT_S / 2)
        if (answer := redis.blpop([key], timeout=piece_s)) is not None:
            return answer
    return None


def tell(verb: Verb, **args: Any) -> None:
    """Without waiting for the reply, which disappears by itself. Raises BrokerUnavailable."""
    command = Command(secrets.token_hex(12), verb, args)
    with asking() as redis:
        redis.publish(channels.COMMANDS, command.to_json())
