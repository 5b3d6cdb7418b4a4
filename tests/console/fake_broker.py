"""A broker as the console sees it: it hears commands and answers; nothing else of a broker is in it."""

import json
import threading
from typing import Any, Self

import redis

from broker.contract import channels
from broker.contract.commands import Command, Reply
from broker.identity.claims import Tombstone, account_entry


class FakeBroker:
    """Answers ``apply_claims`` as a broker that verified what is stored; ``data`` answers the other verbs."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._pubsub = client.pubsub(ignore_subscribe_messages=False)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._stop = threading.Event()
        #: Account → the claims that are in force here.
        self.applied: dict[str, str] = {}
        self.commands: list[Command] = []
        self.data: dict[str, dict[str, Any]] = {
            "connections": {"total": 0, "connections": []},
            "kick": {"closed": 1},
            "ping": {},
        }
        #: While False commands are heard and not answered.
        self.answers = True
        #: So long after it was heard a command is answered.
        self.delay_s = 0.0

    def __enter__(self) -> Self:
        self._pubsub.subscribe(channels.COMMANDS)
        self._pubsub.get_message(timeout=5)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._pubsub.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            message = self._pubsub.get_message(timeout=0.05)
            if message is not None and message["type"] == "message":
                self._answer(Command.from_json(message["data"]))

    def _answer(self, command: Command) -> None:
        self.commands.append(command)
        if not self.answers or self._stop.wait(self.delay_s):
            return
        data = None
        if command.verb == "apply_claims":
            data = {"outcomes": {name: self._apply(name) for name in command.args["accounts"]}}
        reply = Reply(command.id, True, data or self.data.get(command.verb, {}))
        self._redis.lpush(channels.reply(command.id), reply.to_json())
        self._redis.expire(channels.reply(command.id), channels.REPLY_TTL_S)

    def _apply(self, account: str) -> dict[str, Any]:
        raw: Any = self._redis.hget(channels.CLAIMS, account)
        token, before = raw.decode(), self.applied.get(account)
        if token == before:
            return {"status": "unchanged", "closed": 0}
        entry = account_entry(token)
        if before is not None and account_entry(before).issued_at >= entry.issued_at:
            return {"status": "stale", "closed": 0}
        self.applied[account] = token
        return {"status": "deleted" if isinstance(entry, Tombstone) else "applied", "closed": 1}

    def event(self, **fields: Any) -> None:
        self._redis.xadd(channels.EVENTS, {"e": json.dumps(fields)})
