"""What accounts may keep in JetStream, and how the system account clears one: answers as nats-server gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import StorageType

from tests.support.servers import NATS_SERVER, OURS, Contender, running

pytestmark = pytest.mark.skipif(
    not NATS_SERVER.available(), reason="nats-server, which it is held against, isn't installed"
)

CONFIG = """
jetstream {{ store_dir: "{directory}", max_mem: 1GB, max_file: 1GB, limits: {{default_max_consumers: {default}}} }}
accounts {{
  SYS {{ users: [ {{user: sys, pass: sys}} ] }}
  A {{ jetstream: {{max_consumers: {of_account}}}, users: [ {{user: a, pass: a}} ] }}
}}
system_account: SYS
"""


async def asked(client: Client, subject: str, body: Any = "") -> Any:
    """The answer, or the name of the exception when there is none."""
    try:
        found = await client.request(subject, json.dumps(body).encode() if body else b"", timeout=1)
    except (NoRespondersError, NatsTimeoutError) as error:
        return type(error).__name__
    return json.loads(found.data)


async def _consumers(
    contender: Contender, directory: Path, default: int, of_account: int, own: int
) -> list[Any]:
    """Whether the stream may be made, and then which of three consumers."""
    config = CONFIG.format(directory=directory, default=default, of_account=of_account)
    with running(contender, config) as server:
        client = await nats.connect(server.url, user="a", password="a")
        stream = {"name": "S", "subjects": ["s"], "num_replicas": 1, "storage": "file", "retention": "limits",
                  "discard": "old", "max_consumers": own}  # fmt: skip
        made = await asked(client, "$JS.API.STREAM.CREATE.S", stream)
        answers = [made.get("error", "made")]
        for name in ("one", "two", "three"):
            wanted = {
                "stream_name": "S",
                "config": {"durable_name": name, "ack_policy": "explicit"},
            }
            found = await asked(client, f"$JS.API.CONSUMER.DURABLE.CREATE.S.{name}", wanted)
            answers.append(found.get("error", "made"))
        await client.close()
    return answers


@pytest.mark.parametrize(
    ("default", "of_account", "own"),
    [(2, -1, -1), (2, -1, 3), (2, 3, -1), (2, 3, 1), (1, 2, 3), (1, 3, 2), (-1, -1, -1), (0, 1, 0)],
)
async def test_how_many_consumers_there_may_be(
    default: int, of_account: int, own: int, tmp_path: Path
) -> None:
    ours, theirs = [
        await _consumers(contender, tmp_path / name, default, of_account, own)
        for contender, name in ((OURS, "ours"), (NATS_SERVER, "theirs"))
    ]
    assert ours == theirs


async def _answers_of_a_purge(system: Client, heard: Subscription) -> Any:
    """All that came of one: a second answer would have left before the next request's."""
    await system.publish("$JS.API.ACCOUNT.PURGE.A", reply="answers")
    answers = [json.loads((await heard.next_msg(timeout=5)).data)]
    await asked(system, "$JS.API.ACCOUNT.PURGE.NOBODY")
    while heard.pending_msgs:
        answers.append(json.loads((await heard.next_msg()).data))
    return answers


async def _purged(contender: Contender, directory: Path) -> list[Any]:
    config = CONFIG.format(directory=directory, default=0, of_account=-1)
    with running(contender, config) as server:
        system = await nats.connect(server.url, user="sys", password="sys")
        client = await nats.connect(server.url, user="a", password="a")
        js = client.jetstream()
        heard = await system.subscribe("answers")
        answers = []
        for kinds in ([StorageType.MEMORY] * 2, [StorageType.FILE, StorageType.MEMORY]):
            for number, storage in enumerate(kinds):
                await js.add_stream(name=f"S{number}", subjects=[f"s.{number}"], storage=storage)
                await js.publish(f"s.{number}", b"message")
            answers.append(await _answers_of_a_purge(system, heard))
        answers += [
            await asked(client, "$JS.API.ACCOUNT.PURGE.A"),
            await asked(client, "$JS.API.STREAM.NAMES"),
            await asked(system, "$JS.API.ACCOUNT.PURGE.A"),
            await asked(system, "$JS.API.ACCOUNT.PURGE.NOBODY"),
            await asked(system, "$JS.API.ACCOUNT.PURGE.a/b"),
        ]
        await js.add_stream(name="S", subjects=["S"])
        answers.append((await js.publish("S", b"anew")).seq)
        info = await js.account_info()
        answers += [info.streams, info.storage > 0]
        await client.close()
        await system.close()
    return answers


async def test_the_system_account_purges_an_account(tmp_path: Path) -> None:
    ours = await _purged(OURS, tmp_path / "ours")
    theirs = await _purged(NATS_SERVER, tmp_path / "theirs")
    assert ours == theirs
    assert [len(each) for each in ours[:2]] == [1, 1]
    assert ours[0][0]["initiated"] is True and ours[3]["streams"] is None
    assert ours[-3:] == [1, 1, True]
