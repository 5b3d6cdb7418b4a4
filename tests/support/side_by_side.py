"""One client of each of two servers, and all that was seen of them: requests, pulls, pushes, acknowledgements.

A scenario is a coroutine of a ``Side``; run on both sides, what they noted must be equal.
"""

import json
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NoAnswer

from tests.support.wait import until

#: Values that are a server's own: compared only for being there.
_OWN = {
    "created", "ts", "last_active", "timestamp", "id", "pinned_ts", "pinned_client_id", "pinned_id", "pause_remaining",
    "ack_time", "first_ts", "last_ts", "leader", "time",
}  # fmt: skip
#: How long something that shall not come is waited for, and something that shall.
QUIET_S, DEADLINE_S = 0.15, 8.0


class Side:
    """One server, and all that was seen of it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.seen: list[Any] = []
        self._subs: dict[str, Subscription] = {}
        self._next_inbox = 0
        #: Delivered messages in order, for acknowledgements.
        self.messages: list[Msg] = []

    def note(self, what: str, value: Any) -> None:
        self.seen.append((what, value))

    async def ask(self, subject: str, body: Any = b"", **headers: str) -> Any:
        """A request to the API, or any other, and its answer."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Nats-" + key.replace("_", "-"): value for key, value in headers.items()}
        try:
            message = await self.client.request(subject, payload, timeout=1, headers=named or None)
            answer = _without_own(json.loads(message.data)) if message.data else "empty"
        except NoRespondersError:
            answer = "no responders"
        except NoAnswer:
            answer = "silence"
        self.note(f"{subject} {payload[:200].decode()}", answer)
        return answer

    async def api(self, operation: str, body: Any = b"", **headers: str) -> Any:
        return await self.ask(f"$JS.API.{operation}", body, **headers)

    async def stream(self, name: str, **config: Any) -> None:
        config.setdefault("subjects", [f"{name.lower()}.>"])
        await self.api(f"STREAM.CREATE.{name}", {"name": name, **config})

    async def consumer(self, stream: str, name: str = "C", action: str = "", **config: Any) -> Any:
        config = {"durable_name": name, "ack_policy": "explicit", **config}
        body = {"stream_name": stream, "config": config, "action": action}
        return await self.api(f"CONSUMER.CREATE.{stream}.{name}", body)

    async def info(self, stream: str, name: str = "C") -> Any:
        return await self.api(f"CONSUMER.INFO.{stream}.{name}")

    async def publish(self, *subjects: str, data: bytes = b"data", **headers: str) -> None:
        for subject in subjects:
            await self.client.request(subject, data, headers=headers or None)

    async def listen(self, subject: str, queue: str = "") -> None:
        self._subs[subject] = await self.client.subscribe(subject, queue=queue)
        await self.client.flush()

    async def direct(self, stream: str, body: Any) -> None:
        """A direct get, and all that it is answered with."""
        inbox = f"_INBOX.direct.{self._next_inbox}"
        self._next_inbox += 1
        sub = await self.client.subscribe(inbox)
        subject = f"$JS.API.DIRECT.GET.{stream}"
        await self.client.publish(subject, json.dumps(body).encode(), reply=inbox)
        many = "batch" in body or "multi_last" in body
        while True:
            try:
                message = await sub.next_msg(timeout=DEADLINE_S)
            except NoAnswer:
                self.note(f"{subject} {body}", "silence")
                break
            headers = dict(message.headers or {})
            for own in ("Nats-Time-Stamp",):
                headers.pop(own, None)
            self.note(f"{subject} {body}", (headers, message.data))
            if not many or "Status" in headers:
                break
        await sub.unsubscribe()

    async def leave(self, subject: str) -> None:
        await self._subs.pop(subject).unsubscribe()
        await self.client.flush()

    async def pull(
        self, stream: str, body: Any = b"", count: int = 1, name: str = "C", **headers: str
    ) -> None:
        """A pull request; ``count`` messages and statuses come, no more."""
        inbox = await self.request(stream, body, name, **headers)
        await self.expect(inbox, count)
        await self.leave(inbox)

    async def request(self, stream: str, body: Any = b"", name: str = "C", **headers: str) -> str:
        """A pull request; its inbox."""
        self._next_inbox += 1
        inbox = f"_INBOX.test.{self._next_inbox}"
        await self.listen(inbox)
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Nats-" + key.replace("_", "-"): value for key, value in headers.items()}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"
        await self.client.publish(subject, payload, reply=inbox, headers=named or None)
        await self.client.flush()
        return inbox

    async def waiting(self, stream: str, count: int, name: str = "C") -> None:
        """``count`` pull requests wait: one that is on its way may be overtaken by what follows it."""

        async def there() -> bool:
            answer = await self.client.request(f"$JS.API.CONSUMER.INFO.{stream}.{name}", timeout=5)
            return bool(json.loads(answer.data).get("num_waiting") == count)

        await until(there, f"{count} pull requests of {name}")

    async def expect(self, subject: str, count: int, *, quiet: bool = True) -> None:
        """``count`` messages come to ``subject``; with ``quiet`` no more than that."""
        sub = self._subs[subject]
        for _ in range(count):
            try:
                message = await sub.next_msg(timeout=DEADLINE_S)
            except NoAnswer:
                self.note("missing", subject)
                return
            self._saw(message)
        if quiet:
            try:
                self._saw(await sub.next_msg(timeout=QUIET_S))
            except NoAnswer:
                return

    def _saw(self, message: Msg) -> None:
        if message.reply.startswith("$JS.ACK."):
            self.messages.append(message)
        self.note("message", shape(message))

    async def ack(self, index: int, word: bytes = b"", *, reply: bool = True) -> None:
        """Say something to a delivered message."""
        subject = self.messages[index].reply
        if not reply:
            await self.client.publish(subject, word)
            await self.client.flush()
            return
        try:
            answer: Any = (await self.client.request(subject, word, timeout=1)).data
        except NoRespondersError:
            answer = "no responders"
        except NoAnswer:
            answer = "silence"
        self.note(f"ack {word!r}", answer)


def _without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "…" if k in _OWN else _without_own(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_own(entry) for entry in value]
    return value


def _timeless(subject: str) -> str:
    """An acknowledgement's subject without the time in it, which is a server's own."""
    if not subject.startswith("$JS.ACK."):
        return subject
    tokens = subject.split(".")
    return ".".join([*tokens[:7], "time", *tokens[8:]])


def shape(message: Msg) -> Any:
    reply = _timeless(message.reply)
    if reply.startswith("_INBOX."):
        reply = "inbox"
    elif reply.startswith("$JS.FC."):
        reply = reply.rpartition(".")[0]
    headers = dict(message.headers or {})
    for own in ("Nats-Pin-Id", "Nats-Consumer-Stalled"):
        if own in headers:
            headers[own] = "…"
    data = message.data
    if message.subject.startswith("$JS.EVENT."):
        return message.subject, _without_own(json.loads(data))
    subject = "inbox" if message.subject.startswith("_INBOX.") else _timeless(message.subject)
    return subject, reply, headers, data


def differences(what: str, expected: Any, found: Any) -> list[str]:
    """Where two answers differ, one line each."""
    if isinstance(expected, dict) and isinstance(found, dict):
        lines = [
            line
            for key in {**expected, **found}
            for line in differences(f"{what} {key}", expected.get(key), found.get(key))
        ]
        if not lines and list(expected) != list(found):
            lines = [f"{what}: order {list(expected)}, ours {list(found)}"]
        return lines
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for at, pair in pairs for line in differences(f"{what} [{at}]", *pair)]
    return [] if expected == found else [f"{what}: {expected!r}, ours {found!r}"]
