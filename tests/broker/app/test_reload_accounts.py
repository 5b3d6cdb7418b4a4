"""SIGHUP while clients are connected: exports, imports, mappings and accounts change under them."""

import asyncio
import signal
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from tests.broker.app.test_program import Program, program
from tests.support.wait import wait_until

CONFIG = """
listen: 127.0.0.1:-1
ports_file_dir: {directory}
accounts {{
  A {{ users: [{{user: a, pass: x}}], exports: [{{stream: "s.>"}}], mappings: {{"m": "s.mapped"}} }}
  B {{ users: [{{user: b, pass: x}}], imports: [{{stream: {{account: A, subject: "s.>"}}, to: "from.>"}}] }}
  C {{ users: [{{user: c, pass: x}}] }}
}}
"""


def rewrite(server: Program, *changes: tuple[str, str]) -> None:
    path = server.directory / "server.conf"
    text, before = path.read_text(), server.log.count("Reloaded server configuration")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("Reloaded server configuration") > before, "the reload", 10)


async def heard(publisher: Client, receiver: Client, sub: Subscription) -> list[str]:
    """What the receiver sees of one round of publishes; all of it came before the answer to its PING."""
    for subject in ("s.x", "m"):
        await publisher.publish(subject, b"")
    await publisher.flush()
    await receiver.flush()
    return sorted([(await sub.next_msg()).subject for _ in range(sub.pending_msgs)])


async def test_imports_and_mappings_follow_the_configuration(tmp_path: Path) -> None:
    with program(tmp_path, CONFIG) as server:
        url = server.ports["nats"][0]
        gone = asyncio.Event()

        async def closed() -> None:
            gone.set()

        a = await nats.connect(url, user="a", password="x")
        b = await nats.connect(url, user="b", password="x")
        c = await nats.connect(url, user="c", password="x", closed_cb=closed, allow_reconnect=False)
        sub = await b.subscribe(">")
        await b.flush()
        assert await heard(a, b, sub) == ["from.mapped", "from.x"]
        rewrite(server, ('to: "from.>"', 'to: "other.>"'), (', mappings: {"m": "s.mapped"}', ""))
        assert await heard(a, b, sub) == ["other.x"]
        rewrite(
            server,
            ('imports: [{stream: {account: A, subject: "s.>"}, to: "other.>"}]', "exports: []"),
        )
        assert await heard(a, b, sub) == []
        rewrite(server, ("C { users: [{user: c, pass: x}] }", ""))
        await asyncio.wait_for(gone.wait(), 5)
        for client in (a, b, c):
            await client.close()
