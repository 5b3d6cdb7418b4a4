"""The system account's requests and events: nats-server's JSON, its errors, and its silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.servers import NATS_SERVER, OURS, Server, running
from tests.support.shapes import shape

CONFIG = """
server_name: twin
server_tags: [blue]
accounts {
  SYS { users: [ {user: sys, pass: sys} ] }
  A { users: [ {user: a, pass: a}, {user: p, pass: p, permissions: {
      publish: {allow: ["$SYS.>", x], deny: y}, subscribe: ["_INBOX.>", "q work"], allow_responses: true}} ] }
  B { users: [ {user: b, pass: b} ] }
}
system_account: SYS
"""
HIDDEN = frozenset(
    ("git_commit", "go", "wireroom_build", "config_digest", "imports", "exports", "mappings", "id")
)
ME = "$SYS.REQ.SERVER.{id}."

#: Who asks, what, with which body.
REQUESTS = [
    ("sys", ME + "IDZ", ""), ("sys", ME + "STATSZ", ""), ("sys", ME + "VARZ", ""), ("sys", ME + "CONNZ", ""),
    ("sys", "$SYS.REQ.SERVER.PING", ""), ("sys", "$SYS.REQ.SERVER.PING.IDZ", "ignored"),
    ("sys", "$SYS.REQ.SERVER.PING.STATSZ", "{"), ("sys", "$SYS.REQ.SERVER.PING.HEALTHZ", '{"server_name":"win"}'),
    ("sys", ME + "CONNZ", '{"cid":"x"}'), ("sys", ME + "CONNZ", '{"cid":-1}'), ("sys", ME + "CONNZ", "{"),
    ("sys", ME + "CONNZ", "[]"), ("sys", ME + "CONNZ", '"x"'), ("sys", ME + "CONNZ", '{"limit":1.5}'),
    ("sys", ME + "CONNZ", '{"state":"open"}'), ("sys", ME + "CONNZ", '{"auth":1}'), ("sys", ME + "CONNZ", "{a}"),
    ("sys", ME + "CONNZ", '{"a":1}x'), ("sys", ME + "CONNZ", '{"tags":"blue"}'), ("sys", ME + "CONNZ", " "),
    ("sys", ME + "CONNZ", '{"sort":"foo"}'), ("sys", ME + "CONNZ", '{"sort":"stop"}'), ("sys", ME + "CONNZ", "null"),
    ("sys", ME + "CONNZ", '{"filter_subject":"a"}'), ("sys", ME + "CONNZ", '{"filter_subject":"q","acc":"A"}'),
    ("sys", ME + "CONNZ", '{"AUTH":true,"subscriptions":true,"tags":["blue"],"unknown":{}}'),
    ("sys", ME + "CONNZ", '{"acc":"NONE"}'), ("sys", ME + "CONNZ", '{"user":"a","auth":true}'),
    ("sys", ME + "SUBSZ", '{"test":"a.*"}'), ("sys", ME + "ROUTEZ", ""), ("sys", ME + "GATEWAYZ", ""),
    ("sys", ME + "LEAFZ", ""), ("sys", ME + "ACCOUNTZ", '{"account":"NONE"}'),
    ("sys", ME + "ACCOUNTZ", '{"account":"A"}'),
    ("sys", ME + "JSZ", ""), ("sys", ME + "HEALTHZ", '{"stream":"s"}'), ("sys", ME + "RAFTZ", ""),
    ("sys", ME + "HEALTHZ", '{"consumer":"c","details":true}'), ("sys", ME + "PROFILEZ", ""),
    ("sys", ME + "PROFILEZ", '{"name":"cpu"}'), ("sys", ME + "PROFILEZ", '{"name":"none"}'),
    ("sys", ME + "KICK", '{"cid":9999}'), ("sys", ME + "LDM", '{"cid":9999}'), ("sys", ME + "RELOAD", ""),
    ("sys", "$SYS.REQ.ACCOUNT.A.CONNZ", ""), ("sys", "$SYS.REQ.ACCOUNT.NONE.CONNZ", ""),
    ("sys", "$SYS.REQ.ACCOUNT.NONE.SUBSZ", ""), ("sys", "$SYS.REQ.ACCOUNT.A.LEAFZ", ""),
    ("sys", "$SYS.REQ.ACCOUNT.A.JSZ", ""), ("sys", "$SYS.REQ.ACCOUNT.A.INFO", ""),
    ("sys", "$SYS.REQ.ACCOUNT.NONE.INFO", ""), ("sys", "$SYS.REQ.ACCOUNT.A.STATZ", ""),
    ("sys", "$SYS.REQ.ACCOUNT.A.CONNS", ""),
    ("sys", "$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["B"],"include_unused":true}'),
    ("sys", "$SYS.REQ.ACCOUNT.NSUBS", '{"acc":"A","subject":"q"}'), ("sys", "$SYS.DEBUG.SUBSCRIBERS", "q"),
    ("sys", "$SYS.REQ.USER.INFO", ""), ("a", "$SYS.REQ.USER.INFO", ""), ("p", "$SYS.REQ.USER.INFO", ""),
    ("a", "$SYS.REQ.SERVER.PING.CONNZ", ""), ("a", "$SYS.REQ.ACCOUNT.PING.CONNZ", '{"auth":true}'),
    ("a", "$SYS.REQ.ACCOUNT.PING.STATZ", ""), ("b", "$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["A"]}'),
]  # fmt: skip
#: Nobody answers these, or nobody is there.
UNANSWERED = [
    ("sys", ME + "CONNZ", '{"server_name":"other"}'), ("sys", ME + "VARZ", '{"exact_match":true,"server_name":"twi"}'),
    ("sys", ME + "VARZ", '{"tags":["blue","red"]}'), ("sys", ME + "KICK", ""),
    ("sys", "$SYS.REQ.ACCOUNT.NONE.STATZ", ""),
    ("a", "$SYS.REQ.SERVER.PING.VARZ", ""), ("a", "$SYS.REQ.ACCOUNT.B.CONNZ", ""), ("a", "$SYS.DEBUG.SUBSCRIBERS", "q"),
]  # fmt: skip


class Watched:
    """A server with a client of each user, and all that its system account was told."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: dict[str, Client] = {}
        self.told: list[Msg] = []

    async def meet(self) -> None:
        for name in ("sys", "a", "b", "p"):
            client = await nats.connect(
                self.server.url, user=name, password=name, name=name, error_cb=_quiet
            )
            self.clients[name] = client
            await client.flush()
            if name == "sys":
                await client.subscribe("$SYS.ACCOUNT.>", cb=self._hear)
                await client.subscribe("$SYS.SERVER.>", cb=self._hear)
                await client.flush()
        await self.clients["a"].subscribe("q")
        await self.clients["a"].flush()

    async def _hear(self, message: Msg) -> None:
        self.told.append(message)

    async def ask(self, who: str, subject: str, body: str, wait_s: float = 10.0) -> Any:
        """The answer, JSON where it is some; a word where there is none."""
        client = self.clients[who]
        own_id = client._server_info["server_id"]
        try:
            answer = await client.request(subject.format(id=own_id), body.encode(), timeout=wait_s)
        except nats.errors.NoRespondersError:
            return "nobody there"
        except nats.errors.TimeoutError:
            return "silence"
        try:
            return json.loads(answer.data)
        except ValueError:
            return answer.data

    def events(self, subject: str) -> list[Any]:
        return [json.loads(m.data) for m in self.told if m.subject == subject]


async def _quiet(_error: Exception) -> None:
    """Refusals are expected."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twins() -> AsyncIterator[tuple[Watched, Watched]]:
    if not NATS_SERVER.available():
        pytest.skip("nats-server is not installed")
    with ExitStack() as stack:
        both = [Watched(stack.enter_context(running(c, CONFIG))) for c in (OURS, NATS_SERVER)]
        for watched in both:
            await watched.meet()
        yield both[0], both[1]
        for watched in both:
            for client in watched.clients.values():
                await client.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("who", "subject", "body"), REQUESTS)
async def test_answers_are_alike(
    twins: tuple[Watched, Watched], who: str, subject: str, body: str
) -> None:
    ours, theirs = [await watched.ask(who, subject, body) for watched in twins]
    assert shape(ours, HIDDEN) == shape(theirs, HIDDEN)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_not_meant_for_this_server_is_not_answered(
    twins: tuple[Watched, Watched],
) -> None:
    asked = [w.ask(*request, wait_s=0.5) for w in twins for request in UNANSWERED]
    answers = await asyncio.gather(*asked)
    half = len(UNANSWERED)
    assert answers[:half] == answers[half:]
    assert set(answers) <= {"silence", "nobody there"}


@pytest.mark.asyncio(loop_scope="module")
async def test_clients_come_go_are_refused_and_kicked(twins: tuple[Watched, Watched]) -> None:
    shown = []
    for watched in twins:
        url, mark = watched.server.url, len(watched.told)
        with pytest.raises(nats.errors.Error):
            await nats.connect(url, user="b", password="no", allow_reconnect=False, error_cb=_quiet)
        gone = asyncio.Event()
        guest = await nats.connect(
            url, user="b", password="b", name="guest", allow_reconnect=False, error_cb=_quiet,
            closed_cb=_setter(gone),
        )  # fmt: skip
        await guest.flush()
        kicked = await watched.ask("sys", ME + "KICK", json.dumps({"cid": guest.client_id}))
        assert "error" not in kicked
        await asyncio.wait_for(gone.wait(), 5)
        await watched.ask("sys", ME + "IDZ", "")
        events = [m for m in watched.told[mark:] if not m.subject.endswith(("STATSZ", "CONNS"))]
        conns = [m for m in watched.told[mark:] if m.subject.endswith("CONNS")]
        own_id = guest._server_info["server_id"]
        shown.append(
            sorted(
                (m.subject.replace(own_id, "ID"), str(shape(json.loads(m.data), HIDDEN)))
                for m in (*events, *conns)
            )
        )
    assert shown[0] == shown[1]
    assert [s for s, _ in shown[0] if s.startswith("$SYS.ACCOUNT.B.")] == [
        "$SYS.ACCOUNT.B.CONNECT", "$SYS.ACCOUNT.B.DISCONNECT",
        "$SYS.ACCOUNT.B.SERVER.CONNS", "$SYS.ACCOUNT.B.SERVER.CONNS",
    ]  # fmt: skip


def _setter(event: asyncio.Event) -> Any:
    async def closed() -> None:
        event.set()

    return closed


@pytest.mark.asyncio(loop_scope="module")
async def test_one_client_is_told_to_go_elsewhere(twins: tuple[Watched, Watched]) -> None:
    for watched in twins:
        reader, writer = await asyncio.open_connection("127.0.0.1", watched.server.port)
        cid = json.loads((await reader.readline())[5:])["client_id"]
        writer.write(b'CONNECT {"user":"b","pass":"b","protocol":1,"verbose":false}\r\nPING\r\n')
        assert await reader.readline() == b"PONG\r\n"
        assert b'"connect_info":true' in await reader.readline()
        answer = await watched.ask("sys", ME + "LDM", json.dumps({"cid": cid}))
        assert "error" not in answer
        told = await reader.readline()
        while told == b"PING\r\n":
            told = await reader.readline()
        assert json.loads(told[5:])["ldm"] is True
        writer.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_statsz_are_published(twins: tuple[Watched, Watched]) -> None:
    shapes = []
    for watched in twins:
        own_id = watched.clients["sys"]._server_info["server_id"]
        subject = f"$SYS.SERVER.{own_id}.STATSZ"
        async with asyncio.timeout(15):
            while not watched.events(subject):
                await asyncio.sleep(0.05)
        shapes.append(shape(watched.events(subject)[0], HIDDEN))
    assert shapes[0] == shapes[1]
