"""Commands from web: one row per verb, one reply per command.

Wire     see ``broker.contract.commands``
Limits   QUEUE_MAX commands wait, WORKERS are worked on at a time; beyond it a command is dropped and counted:
         whoever gave it gets no reply in time and gives it again
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from broker.contract import channels
from broker.contract.commands import Command, Reply
from broker.coordination.bus import Bus, BusError
from broker.coordination.together import together

QUEUE_MAX = 1000
WORKERS = 4
COMMAND_BYTES_MAX = 64 * 1024

log = logging.getLogger(__name__)

#: Arguments in, the reply's data out. CommandError = the reply's error.
Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class CommandError(Exception):
    """A sentence for people: why the command can't be done."""


class Commands:
    def __init__(self, bus: Bus, server_id: str, handlers: Mapping[str, Handler]) -> None:
        self._bus = bus
        self._server_id = server_id
        self._handlers = handlers
        self._queue: asyncio.Queue[Command] = asyncio.Queue(QUEUE_MAX)
        self.dropped = 0

    def receive(self, raw: bytes) -> None:
        """One message from channels.COMMANDS; what is no command is logged and left."""
        try:
            if len(raw) > COMMAND_BYTES_MAX:
                raise ValueError(f"command: longer than {COMMAND_BYTES_MAX} bytes")
            self._queue.put_nowait(Command.from_json(raw))
        except asyncio.QueueFull:
            self.dropped += 1
        except (ValueError, AttributeError, RecursionError) as error:
            log.warning("Command refused: %s", error)

    async def run(self) -> None:
        """Ends with its task."""
        await together(*(self._work() for _ in range(WORKERS)))

    async def _work(self) -> None:
        while True:
            command = await self._queue.get()
            reply = await self._answer(command)
            try:
                await self._bus.push(
                    channels.reply(command.id), reply.to_json(), ttl_s=channels.REPLY_TTL_S
                )
            except BusError as error:
                log.warning("Reply to %.32r lost: %s", command.verb, error)

    async def _answer(self, command: Command) -> Reply:
        handler = self._handlers.get(command.verb)
        if handler is None:
            return self._refusal(command, f"unknown verb {command.verb[:64]!r}")
        try:
            data = await handler(command.args)
        except (CommandError, BusError) as error:
            return self._refusal(command, str(error))
        except Exception:
            log.exception("Command %.32r failed", command.verb)
            return self._refusal(command, "internal error; see the broker's log")
        return Reply(command.id, True, data, server_id=self._server_id)

    def _refusal(self, command: Command, error: str) -> Reply:
        return Reply(command.id, False, error=error, server_id=self._server_id)


def text_argument(args: dict[str, Any], name: str) -> str:
    """Raises CommandError."""
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise CommandError(f"{name}: must be a text")
    return value


def integer_argument(args: dict[str, Any], name: str, default: int, most: int) -> int:
    """Between 0 and ``most``. Raises CommandError."""
    value = args.get(name, default)
    if type(value) is not int or not 0 <= value <= most:
        raise CommandError(f"{name}: must be 0 to {most}, not {json.dumps(value)[:64]}")
    return value
