"""Our broker and nats-server side by side: the same steps on both, and what each answered, made comparable.

A transcript holds everything that must not differ; times, ids and names of servers are taken out.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from tests.support.servers import NATS_SERVER, OURS, Server, kept_store, running

VOLATILE = {
    "created",
    "ts",
    "time",
    "first_ts",
    "last_ts",
    "id",
    "timestamp",
    "cluster",
    "_nats.ver",
    "active",
    "client",
    "last_active",
}
VOLATILE_HEADERS = {"Nats-Time-Stamp"}
WAIT_S = 5.0
WAIT_LONG_S = 20.0


@contextmanager
def jetstream_server(ours: bool, directory: Path, config: str = "") -> Iterator[Server]:
    store = directory if ours else kept_store(directory)
    settings = f'jetstream: {{store_dir: "{store}"}}\n{config}'
    with running(OURS if ours else NATS_SERVER, settings) as server:
        yield server


@contextmanager
def twins(directory: Path, config: str = "") -> Iterator[tuple[Server, Server]]:
    """Ours and nats-server, with JetStream on disk below ``directory``."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(jetstream_server(True, directory / "ours", config)),
            stack.enter_context(jetstream_server(False, directory / "theirs", config)),
        )


class Party:
    """A client of one of the two, which writes down what it is answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.transcript: list[Any] = []

    async def api(self, operation: str, body: Any = "") -> Any:
        """Ask ``$JS.API.<operation>``; the answer as it is, its comparable form in the transcript."""
        data = body if isinstance(body, str) else json.dumps(body)
        answer = await self.client.request(f"$JS.API.{operation}", data.encode(), timeout=WAIT_S)
        found = json.loads(answer.data)
        self.transcript.append(steady(found))
        return found

    async def publish(self, subject: str, data: bytes = b"", **fields: str) -> dict[str, Any]:
        """Publish with headers, ``Nats_Msg_Id`` for ``Nats-Msg-Id``; the acknowledgement."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        answer = await self.client.request(subject, data, timeout=WAIT_S, headers=headers or None)
        found = json.loads(answer.data) if answer.data else {"header": dict(answer.headers or {})}
        self.transcript.append(steady(found))
        return dict(found)

    async def ask(
        self, subject: str, body: Any = "", headers: dict[str, str] | None = None
    ) -> list[Any]:
        """All messages that answer, up to one that is a status; written down with status and headers."""
        data = body if isinstance(body, str) else json.dumps(body)
        inbox = self.client.new_inbox()
        sub = await self.client.subscribe(inbox)
        await self.client.publish(subject, data.encode(), reply=inbox, headers=headers)
        answers: list[Any] = []
        many = isinstance(body, dict) and ("batch" in body or "multi_last" in body)
        while True:
            answer = await sub.next_msg(WAIT_S)
            answers.append(told(answer))
            if not many or "Status" in (answer.headers or {}):
                break
        await sub.unsubscribe()
        self.transcript.append(answers)
        return answers

    async def gone(self, stream: str, messages: int) -> None:
        """Wait until the stream holds only so many."""
        await self._until(stream, lambda state: state["messages"] <= messages)

    async def sequence(self, stream: str, last: int) -> None:
        """Wait until the stream has come that far."""
        await self._until(stream, lambda state: state["last_seq"] >= last)

    async def consumers(self, stream: str, count: int) -> None:
        """Wait until the stream has so many consumers."""
        await self._until(stream, lambda state: state["consumer_count"] == count)

    async def acknowledged(self, stream: str, consumer: str, seq: int) -> None:
        """Wait until everything of the consumer's up to ``seq`` is."""
        subject = f"$JS.API.CONSUMER.INFO.{stream}.{consumer}"
        async with asyncio.timeout(WAIT_LONG_S):
            while True:
                found = json.loads((await self.client.request(subject, b"")).data)
                if found["ack_floor"]["stream_seq"] >= seq:
                    return
                await asyncio.sleep(0.05)

    async def errors(self, stream: str, kind: str) -> None:
        """Wait for what the stream's ``mirror`` or ``sources`` say that is wrong."""
        async with asyncio.timeout(WAIT_LONG_S):
            while True:
                answer = await self.client.request(f"$JS.API.STREAM.INFO.{stream}", b"")
                found = json.loads(answer.data).get(kind) or []
                wrong = [each.get("error") for each in (found if kind == "sources" else [found])]
                if any(wrong):
                    self.transcript.append(wrong)
                    return
                await asyncio.sleep(0.05)

    async def _until(self, stream: str, reached: Callable[[dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(WAIT_LONG_S):
            while True:
                answer = await self.client.request(f"$JS.API.STREAM.INFO.{stream}", b"")
                if reached(json.loads(answer.data)["state"]):
                    return
                await asyncio.sleep(0.05)

    async def heard(self, sub: Subscription, count: int) -> None:
        """The next messages of a subscription."""
        for _ in range(count):
            message = await sub.next_msg(WAIT_S)
            self.transcript.append({"subject": message.subject, **told(message)})


def told(message: Msg) -> dict[str, Any]:
    headers = {k: v for k, v in (message.headers or {}).items() if k not in VOLATILE_HEADERS}
    return {"data": message.data.decode(), "headers": headers}


def steady(value: Any) -> Any:
    """Without what differs from run to run; headers of stored messages readable."""
    if isinstance(value, list):
        return [steady(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: steady(each) for key, each in value.items() if key not in VOLATILE}
    if isinstance(found.get("sources"), list):
        found["sources"].sort(key=lambda source: str(source["name"]))
    if isinstance(found.get("hdrs"), str):
        text = b64decode(found["hdrs"]).decode()
        found["hdrs"] = re.sub(
            "(Nats-Stream-Source: .* )[0-9A-Za-z]{8}\r\n", "\\1IDENTITY\r\n", text
        )
    return found


async def on_both(servers: tuple[Server, Server], steps: Any) -> tuple[list[Any], list[Any]]:
    """Run ``steps(party)`` on both at once; the two transcripts, ours first."""
    parties = [Party(await nats.connect(server.url)) for server in servers]
    try:
        await asyncio.gather(*(steps(party) for party in parties))
    finally:
        for party in parties:
            await party.client.close()
    return parties[0].transcript, parties[1].transcript
