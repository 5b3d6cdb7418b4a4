"""Commands to the broker, each with a deadline (``broker.contract.commands``)."""

import secrets
from typing import Any

from broker.contract import channels
from broker.contract.commands import Command, Reply, Verb
from console.gateway.errors import BrokerRefused, BrokerUnavailable
from console.gateway.redis import asking

TIMEOUT_S = 2.0


def ask(verb: Verb, *, timeout_s: float = TIMEOUT_S, **args: Any) -> dict[str, Any]:
    """The reply's data. Raises BrokerUnavailable when none comes in time, BrokerRefused with the broker's own words."""
    command = Command(secrets.token_hex(12), verb, args)
    with asking() as redis:
        if not redis.publish(channels.COMMANDS, command.to_json()):
            raise BrokerUnavailable("No broker is running.")
        # redis-py's types join those of its two kinds of client.
        answer: Any = redis.blpop([channels.reply(command.id)], timeout=timeout_s)
    if answer is None:
        raise BrokerUnavailable("The broker didn't answer in time.")
    try:
        reply = Reply.from_json(answer[1])
    except ValueError as error:
        raise BrokerUnavailable("The broker's answer couldn't be read.") from error
    if not reply.ok:
        raise BrokerRefused(reply.error or "The broker refused.")
    return reply.data


def tell(verb: Verb, **args: Any) -> None:
    """Without waiting for the reply, which disappears by itself. Raises BrokerUnavailable."""
    command = Command(secrets.token_hex(12), verb, args)
    with asking() as redis:
        redis.publish(channels.COMMANDS, command.to_json())
