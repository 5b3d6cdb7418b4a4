"""``kill -9`` in the middle of 100,000 publishes, again and again, with a consumer acknowledging: nothing is lost.

``KILL_PUBLISHES`` sets how many are published, ``KILL_TIMES`` how often the server is killed meanwhile.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext

from broker.storage.disk import OsDisk
from broker.storage.file_store import FileStore
from broker.storage.store import messages
from tests.support.servers import OURS, Server, running

PUBLISHES = int(os.environ.get("KILL_PUBLISHES", "100000"))
KILLS = int(os.environ.get("KILL_TIMES", "4"))
_IN_FLIGHT = 500
_ACK = re.compile(rb'MSG _INBOX\.p\.(\d+) 1 \d+\r\n\{"stream":"S","seq":(\d+)')


class Publisher:
    """Publishes numbers, many in flight; ``acked`` is what the server promised: number → sequence."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.next = 0
        self.acked: dict[int, int] = {}

    async def run(self, until: int) -> None:
        """Until so many are acknowledged, or the connection is gone."""
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(
                b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.p.* 1\r\n'
            )
            await self._publish(reader, writer, until)
            writer.close()

    async def _publish(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: int
    ) -> None:
        begun_at, answered, rest = self.next, 0, b""
        while len(self.acked) < until:
            room = _IN_FLIGHT - (self.next - begun_at - answered)
            lines = []
            for number in range(self.next, self.next + room):
                body = b"%d" % number
                lines.append(
                    b"PUB s.%d _INBOX.p.%d %d\r\n%b\r\n" % (number % 7, number, len(body), body)
                )
            self.next += room
            writer.write(b"".join(lines))
            data = await reader.read(1 << 20)
            if not data:
                raise ConnectionResetError
            rest += data
            for found in _ACK.finditer(rest):
                self.acked[int(found[1])] = int(found[2])
                answered += 1
            rest = rest[rest.rfind(b"MSG ") :] if not rest.endswith(b"}\r\n") else b""


class Worker:
    """Fetches and acknowledges; ``settled`` are the sequences whose acknowledgement the server confirmed."""

    def __init__(self) -> None:
        self.settled: set[int] = set()
        self.broken: list[int] = []

    async def run(self, js: JetStreamContext) -> None:
        with suppress(NatsError, asyncio.TimeoutError):
            sub = await js.pull_subscribe_bind("worker", "S")
            while True:
                for message in await sub.fetch(50, timeout=2):
                    seq = message.metadata.sequence.stream
                    if seq in self.settled:
                        self.broken.append(seq)
                    await message.ack_sync(timeout=2)
                    self.settled.add(seq)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(OURS, f'jetstream: {{store_dir: "{tmp_path}"}}') as started:
        yield started


@pytest.mark.stack
async def test_what_was_acknowledged_survives_kills(server: Server, tmp_path: Path) -> None:
    publisher, worker = Publisher(server.port), Worker()
    client = await nats.connect(server.url)
    js = client.jetstream()
    await js.add_stream(name="S", subjects=["s.*"])
    await js.add_consumer("S", durable_name="worker", ack_policy="explicit", ack_wait=5)
    await client.close()
    for life in range(1, KILLS + 2):
        goal = PUBLISHES * life // (KILLS + 1)
        client = await nats.connect(server.url, allow_reconnect=False, error_cb=_ignore)
        working = asyncio.create_task(worker.run(client.jetstream()))
        publishing = asyncio.create_task(publisher.run(PUBLISHES))
        while len(publisher.acked) < goal and not publishing.done():
            await asyncio.sleep(0)
        if life <= KILLS:
            server.kill()
        await asyncio.wait([publishing], timeout=60)
        working.cancel()
        await client.close()
        if life <= KILLS:
            server.start()
    assert len(publisher.acked) >= PUBLISHES and not worker.broken and worker.settled
    await _judge_what_is_served(server, publisher, worker)
    server.stop()
    _judge_what_is_on_disk(tmp_path, publisher.acked)


async def _ignore(error: Exception) -> None:
    """Being killed is the point."""


async def _judge_what_is_served(server: Server, publisher: Publisher, worker: Worker) -> None:
    client = await nats.connect(server.url)
    answer = await client.request("$JS.API.STREAM.INFO.S", b"")
    state = json.loads(answer.data)["state"]
    assert state["messages"] == state["last_seq"] >= len(publisher.acked)
    info = await client.jetstream().consumer_info("S", "worker")
    assert info.num_pending is not None and info.num_ack_pending is not None
    unsettled = info.num_pending + info.num_ack_pending
    assert unsettled <= state["messages"] - len(worker.settled)
    await client.close()


def _judge_what_is_on_disk(directory: Path, acked: dict[int, int]) -> None:
    (found,) = directory.glob("jetstream/*/streams/S.*/messages")
    store = FileStore(OsDisk(), str(found), os.urandom)
    assert not [report for report in store.reports if not report.torn]
    kept = {message.seq: int(message.payload) for message in messages(store)}
    store.close()
    assert len(set(acked.values())) == len(acked), "a sequence was given twice"
    lost = [number for number, seq in acked.items() if kept.get(seq) != number]
    assert not lost, f"{len(lost)} acknowledged messages are lost, the first is {lost[0]}"
