"""What a server tells the system account of itself, and whom about a refused client: as nats-server does."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg

from tests.support.servers import NATS_SERVER, OURS, Contender, Server, running
from tests.support.shapes import shape

pytestmark = pytest.mark.skipif(
    not NATS_SERVER.available(), reason="nats-server, which it is held against, isn't installed"
)

CONFIG = """
server_name: twin
accounts {
  SYS { users: [ {user: sys, pass: sys} ] }
  A { users: [ {user: a, pass: a} ] }
}
system_account: SYS
"""
DEADLINE_S = 10


async def told(
    contender: Contender, subject: str, does: Callable[[Server], Any]
) -> tuple[str, Any]:
    """The first message on ``subject`` after ``does``: its subject without the server's id, and its body."""
    with running(contender, CONFIG) as server:
        client = await nats.connect(server.url, user="sys", password="sys", allow_reconnect=False)
        heard: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()

        async def hear(message: Msg) -> None:
            if not heard.done():
                heard.set_result(message)

        await client.subscribe(subject, cb=hear)
        await client.flush()
        await does(server)
        message = await asyncio.wait_for(heard, DEADLINE_S)
        await client.close()
        tokens = message.subject.split(".")
        tokens = ["id" if len(token) == 56 else token for token in tokens]
        return ".".join(tokens), json.loads(message.data)


def signalled(number: signal.Signals) -> Callable[[Server], Any]:
    async def send(server: Server) -> None:
        assert server.process is not None
        server.process.send_signal(number)

    return send


async def refused(server: Server) -> None:
    with pytest.raises(Exception, match="Authorization Violation"):
        await nats.connect(server.url, user="a", password="x", name="me", allow_reconnect=False)


@pytest.mark.parametrize(
    ("subject", "does"),
    [
        ("$SYS.SERVER.*.SHUTDOWN", signalled(signal.SIGTERM)),
        ("$SYS.SERVER.*.LAMEDUCK", signalled(signal.SIGUSR2)),
        ("$SYS.SERVER.*.CLIENT.AUTH.ERR", refused),
    ],
    ids=["shutdown", "lame duck", "refused"],
)
async def test_the_system_account_is_told(subject: str, does: Callable[[Server], Any]) -> None:
    ours, theirs = await told(OURS, subject, does), await told(NATS_SERVER, subject, does)
    for _, event in (ours, theirs):
        if "type" in event:  # each event has a name of its own
            event["id"] = len(event["id"])
    assert ours[0] == theirs[0]
    assert shape(ours[1]) == shape(theirs[1])
