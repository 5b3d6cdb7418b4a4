"""python -m tests.support.older_snapshots nats-server-2.12.8 …

Writes what the tests of restoring need of older servers: ``<version>.s2``, a snapshot of a stream with several message
blocks and holes of every kind in them, and ``<version>.json``: ``told``, the answer that came with it, and ``state``,
``consumers``, what the server said of the stream and of its consumers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from tests.support.servers import Contender, running
from tests.support.twins import Party

DIRECTORY = Path(__file__).parents[1] / "broker/jetstream/older_snapshots"
#: Small blocks: a server takes their size from the stream's.
CONFIG: dict[str, Any] = {
    "name": "S", "subjects": ["s.>"], "max_bytes": 100_000, "max_msgs_per_subject": 60, "metadata": {"a": "b"},
}  # fmt: skip
CONSUMERS: tuple[dict[str, Any], ...] = (
    {"durable_name": "pull", "ack_policy": "explicit", "filter_subject": "s.2", "ack_wait": 3600 * 10**9},
    {"durable_name": "spent", "ack_policy": "explicit", "max_deliver": 1, "ack_wait": 10**8},
    {"durable_name": "all", "ack_policy": "all", "metadata": {"k": "v"}},
    {"durable_name": "push", "deliver_subject": "to", "ack_policy": "none"},
    {"name": "passing", "ack_policy": "explicit", "inactive_threshold": 3600 * 10**9},
)  # fmt: skip
LAST = 700


async def fill(party: Party) -> None:
    """Limits take the first messages; single ones, runs and the last are deleted, and all of one subject."""
    await party.api("STREAM.CREATE.S", CONFIG)
    for at in range(1, LAST + 1):
        fields = {"Own": f"header {at}"} if at % 3 else {}
        await party.publish(f"s.{at % 9}", b"%d " % at * (at % 120), **fields)
    for seq in (LAST, LAST - 1, 650, *range(500, 520), 430):
        await party.api("STREAM.MSG.DELETE.S", {"seq": seq, "no_erase": seq % 2 == 0})
    await party.api("STREAM.PURGE.S", {"filter": "s.4"})
    for config in CONSUMERS:
        name = config.get("durable_name") or config["name"]
        await party.api(f"CONSUMER.CREATE.S.{name}", {"stream_name": "S", "config": config})
        if "deliver_subject" not in config:
            await _consume(party.client, name)


async def _consume(client: Client, name: str) -> None:
    """Six messages go out; the first, second and fifth are acknowledged, the third is refused and goes out again."""
    inbox = client.new_inbox()
    sub = await client.subscribe(inbox)
    subject = f"$JS.API.CONSUMER.MSG.NEXT.S.{name}"
    await client.publish(subject, b'{"batch":6}', reply=inbox)
    for at in range(6):
        message = await sub.next_msg(5)
        word = {0: b"+ACK", 1: b"+ACK", 2: b"-NAK", 4: b"+ACK"}.get(at)
        if word is not None:
            await client.request(message.reply, word, timeout=5)
    await client.publish(subject, b'{"batch":1}', reply=inbox)
    await sub.next_msg(5)
    await sub.unsubscribe()


async def back_up(client: Client, chunk_size: int = 1024) -> tuple[dict[str, Any], list[bytes]]:
    """The answer to the request, and the chunks."""
    inbox = client.new_inbox()
    sub = await client.subscribe(inbox)
    asked = {"deliver_subject": inbox, "chunk_size": chunk_size, "window_size": 4 * chunk_size}
    answer = await client.request(
        "$JS.API.STREAM.SNAPSHOT.S", json.dumps(asked).encode(), timeout=5
    )
    chunks: list[bytes] = []
    while True:
        message = await sub.next_msg(10)
        if not message.data:
            break
        chunks.append(message.data)
        if message.reply:
            await client.publish(message.reply, b"")
    await sub.unsubscribe()
    return json.loads(answer.data), chunks


async def said(party: Party) -> dict[str, Any]:
    """What is compared after restoring."""
    info = await party.api("STREAM.INFO.S", {"deleted_details": True, "subjects_filter": ">"})
    names = (await party.api("CONSUMER.NAMES.S"))["consumers"]
    consumers = {}
    for name in names:
        found = await party.api(f"CONSUMER.INFO.S.{name}")
        for part in ("delivered", "ack_floor"):
            found[part].pop("last_active", None)
        keys = ("delivered", "ack_floor", "num_ack_pending", "num_redelivered", "num_pending")
        consumers[name] = {key: found[key] for key in keys} | {"created": found["created"]}
    state = info["state"] | {"created": info["created"]}
    return {"state": state, "consumers": consumers}


async def _make(command: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        settings = f'jetstream: {{store_dir: "{directory}"}}'
        with running(Contender("older", (command,)), settings) as server:
            party = Party(await nats.connect(server.url))
            version = party.client.connected_server_version
            name = f"{version.major}.{version.minor}.{version.patch}"
            await fill(party)
            await asyncio.sleep(1)  # so that the wait for acknowledgements ends
            content = await said(party)
            told, chunks = await back_up(party.client)
            await party.client.close()
    (DIRECTORY / f"{name}.s2").write_bytes(b"".join(chunks))
    text = json.dumps({"told": told, **content}, indent=1)
    (DIRECTORY / f"{name}.json").write_text(text + "\n")
    print(name, content["state"]["messages"], "messages,", len(b"".join(chunks)), "bytes")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        asyncio.run(_make(each))
