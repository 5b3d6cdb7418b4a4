"""The same requests to our broker and to nats-server: equal answers, but for times and the servers' own names."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NoAnswer

from tests.support.servers import Server

#: Values that are a server's own: compared only for being there.
_OWN = {"created", "ts", "first_ts", "last_ts", "leader", "time", "api"}


@dataclass(frozen=True)
class Ask:
    """One request; ``silent``: nats-server is known not to answer it, so nobody waits long."""

    subject: str
    body: Any = b""
    headers: dict[str, str] | None = None
    silent: bool = False

    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def api(operation: str, body: Any = b"", headers: dict[str, str] | None = None) -> Ask:
    return Ask(f"$JS.API.{operation}", body, headers)


def silent(ask: Ask) -> Ask:
    return replace(ask, silent=True)


def create(name: str, **config: Any) -> Ask:
    return api(f"STREAM.CREATE.{name}", {"name": name, **config})


def update(name: str, **config: Any) -> Ask:
    return api(f"STREAM.UPDATE.{name}", {"name": name, **config})


def pub(subject: str, body: bytes = b"hello", **headers: str) -> Ask:
    named = {"Nats-" + key.replace("_", "-"): value for key, value in headers.items()}
    return Ask(subject, body, named or None)


def info(name: str, **body: Any) -> Ask:
    return api(f"STREAM.INFO.{name}", body or b"")


_PER_SUBJECT = {"discard_new_per_subject": True, "allow_rollup_hdrs": True}

SCENARIOS: dict[str, list[Ask]] = {
    "life of a stream": [
        api("STREAM.NAMES"), api("STREAM.LIST"), info("A"), api("STREAM.DELETE.A"), create("A"), create("A"),
        create("A", max_msgs=3), create("B", subjects=["A"]), create("B", subjects=["b.>", "c.*"]),
        api("STREAM.NAMES"), api("STREAM.LIST"), api("STREAM.NAMES", {"subject": "b.1"}),
        api("STREAM.NAMES", {"subject": "x"}), api("STREAM.NAMES", {"offset": 1}),
        api("STREAM.NAMES", {"offset": 7}), api("STREAM.LIST", {"subject": "c.>"}), update("A", max_msgs=5),
        update("A", storage="memory"), update("NONE"), info("A"), api("STREAM.DELETE.A", {"x": 1}),
        api("STREAM.DELETE.A"), info("A"), api("STREAM.UPDATE.B", {"name": "A"}),
        api("STREAM.CREATE.X", {"name": "Y"}), api("STREAM.CREATE.X", b""), api("STREAM.CREATE.X", b"{"),
        api("STREAM.CREATE.X", {"name": "X", "y": 1}), api("STREAM.INFO.B", {"y": 1}),
        api("STREAM.NAMES", b"[1"), api("INFO"),
    ],
    "publishing": [
        create("P", subjects=["p.>"], max_msg_size=60), pub("p.a"), pub("p.a", b""), pub("p.b", b"x" * 61),
        pub("q.a"), pub("p.a", Msg_Id="1"), pub("p.b", Msg_Id="1"), pub("p.a", Expected_Stream="P"),
        pub("p.a", Expected_Stream="Q"), pub("p.a", Expected_Last_Sequence="4"),
        pub("p.a", Expected_Last_Sequence="4"), pub("p.a", Expected_Last_Sequence="x"),
        pub("p.a", Expected_Last_Msg_Id="1"), pub("p.a", Msg_Id="2"), pub("p.a", Expected_Last_Msg_Id="2"),
        pub("p.a", Expected_Last_Subject_Sequence="0"), pub("p.c", Expected_Last_Subject_Sequence="0"),
        pub("p.c", Expected_Last_Subject_Sequence="1", Expected_Last_Subject_Sequence_Subject="p.*"),
        pub("p.c", Expected_Last_Subject_Sequence_Subject="p.*"), pub("p.a", Rollup="sub"),
        pub("p.a", Rollup="other"), info("P"), info("P", subjects_filter=">"), info("P", subjects_filter="p.a"),
        info("P", subjects_filter="none"), info("P", deleted_details=True),
    ],
    "rollups": [
        create("R", subjects=["r.>"], allow_rollup_hdrs=True), pub("r.a"), pub("r.a"), pub("r.b"),
        pub("r.a", Rollup="sub"), info("R", subjects_filter=">"), pub("r.c", Rollup="ALL"),
        info("R", subjects_filter=">"), pub("r.c", Rollup="x"),
    ],
    "limits that discard old": [
        create("O", subjects=["o.>"], max_msgs=3), *[pub("o.a")] * 5, info("O"),
        update("O", subjects=["o.>"], max_msgs=2), info("O"), update("O", subjects=["o.>"], max_bytes=100),
        pub("o.a", b"x" * 30), pub("o.a", b"x" * 300), info("O"),
        update("O", subjects=["o.>"], max_msgs_per_subject=1), pub("o.a"), pub("o.a"), pub("o.b"), info("O"),
    ],
    "limits that discard new": [
        create("N", subjects=["n.>"], max_msgs=3, discard="new"), *[pub("n.a")] * 4, info("N"),
        update("N", subjects=["n.>"], max_msgs=9, max_bytes=200, discard="new"), pub("n.a", b"y" * 90),
        update("N", subjects=["n.>"], max_msgs=1, discard="new"), info("N"), pub("n.a"),
        update("N", subjects=["n.>"], max_msgs=9, max_bytes=200, discard="new"),
        pub("n.a"), info("N"),
        create("M", subjects=["m.>"], max_msgs_per_subject=1, discard="new", **_PER_SUBJECT),
        pub("m.a"), pub("m.a"), pub("m.b"), pub("m.a", Rollup="sub"), info("M"),
        create("K", subjects=["k.>"], max_msgs_per_subject=1, max_msgs=2, discard="new"), pub("k.a"),
        pub("k.b"), pub("k.c"), pub("k.a"), info("K"),
    ],
    "purging": [
        create("S", subjects=["s.>"]), *[pub(f"s.{i % 3}") for i in range(9)],
        api("STREAM.PURGE.S", {"seq": 2, "keep": 2}), api("STREAM.PURGE.S", {"filter": "s.1", "keep": 1}),
        info("S", deleted_details=True), api("STREAM.PURGE.S", {"filter": "s.2", "seq": 4}),
        info("S", deleted_details=True), api("STREAM.PURGE.S", {"seq": 4}), info("S"),
        api("STREAM.PURGE.S", {"keep": 2}), info("S"), api("STREAM.PURGE.S", {"keep": 9}), info("S"),
        api("STREAM.PURGE.S"), info("S"), api("STREAM.PURGE.S"), api("STREAM.PURGE.NONE"),
        api("STREAM.PURGE.S", {"seq": 50}), info("S"), pub("s.1"), api("STREAM.PURGE.S", {"filter": "z"}),
        api("STREAM.PURGE.S", {"z": 1}), api("STREAM.PURGE.S", {"seq": 1}), info("S"),
        api("STREAM.PURGE.S", {"filter": ">", "seq": 60}), info("S"),
    ],
    "denied": [
        create("D", subjects=["d"], deny_purge=True, deny_delete=True), pub("d"), api("STREAM.PURGE.D"),
        update("D", subjects=["d"], deny_purge=True, deny_delete=True, sealed=True), pub("d"),
        api("STREAM.PURGE.D"), info("D"), update("D", subjects=["d"]),
    ],
    "first sequence": [
        create("F", subjects=["f"], first_seq=100), info("F"), pub("f"), info("F"), create("G", first_seq=1),
        info("G"), pub("G"),
    ],
    "in memory": [
        create("Y", subjects=["y.>"], storage="memory", max_msgs=2), pub("y.a"), pub("y.a", b"m", Msg_Id="1"),
        pub("y.a", b"m", Msg_Id="1"), pub("y.b"), info("Y"), api("STREAM.PURGE.Y"), info("Y"), api("INFO"),
        api("STREAM.DELETE.Y"),
    ],
    "interest and work queues without consumers": [
        create("I", subjects=["i"], retention="interest"), pub("i"), pub("i", Msg_Id="1"), pub("i", Msg_Id="1"),
        info("I"), create("W", subjects=["w"], retention="workqueue"), pub("w"), info("W"),
        update("I", subjects=["i"]), update("I", subjects=["i"], retention="workqueue"),
    ],
    "levels and clusters": [
        api("INFO", headers={"Nats-Required-Api-Level": "5"}),
        api("INFO", headers={"Nats-Required-Api-Level": "6"}), create("L"),
        api("STREAM.INFO.L", headers={"Nats-Required-Api-Level": "x"}), api("STREAM.LEADER.STEPDOWN.L"),
        api("STREAM.PEER.REMOVE.L", {"peer": "x"}), api("CONSUMER.LEADER.STEPDOWN.L.C"),
        api("STREAM.CANCEL_MOVE.L"), api("STREAM.PEER.EVACUATE.L"), api("CONSUMER.PEER.REMOVE.L.C"),
        api("CONSUMER.PEER.EVACUATE.L.C"), silent(api("META.LEADER.STEPDOWN")), silent(api("NOTHING")),
        silent(api("STREAM.TEMPLATE.NAMES")), api("DIRECT.GET.NONE"), api("CONSUMER.MSG.NEXT.L.NONE"),
        silent(api("STREAM.INFO")), silent(api("STREAM.INFO.L.X")),
    ],
    "no answers": [
        create("Z", subjects=["z"], no_ack=True), silent(pub("z")), info("Z"), create("ALL", subjects=[">"]),
        create("API", subjects=["$JS.API.>"]),
    ],
}  # fmt: skip


@pytest.fixture
async def clients(scenario_servers: tuple[Server, Server]) -> AsyncIterator[tuple[Client, Client]]:
    ours, theirs = [await nats.connect(server.url) for server in scenario_servers]
    yield ours, theirs
    for client in (ours, theirs):
        names = json.loads((await client.request("$JS.API.STREAM.NAMES", b"")).data)["streams"]
        for name in names or ():
            await client.request(f"$JS.API.STREAM.DELETE.{name}", b"")
        await client.close()


async def _answer(client: Client, ask: Ask) -> Any:
    wait_s = 0.5 if ask.silent else 10
    try:
        message = await client.request(
            ask.subject, ask.payload(), timeout=wait_s, headers=ask.headers
        )
    except NoRespondersError:
        return "no responders"
    except NoAnswer:
        return "silence"
    return _without_own(json.loads(message.data))


def _without_own(value: Any) -> Any:
    """``null`` and values that are a server's own are reduced to their presence."""
    if isinstance(value, dict):
        return {k: "…" if k in _OWN else _without_own(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_own(entry) for entry in value]
    return value


@pytest.mark.parametrize("name", SCENARIOS)
async def test_answers_are_nats_servers(name: str, clients: tuple[Client, Client]) -> None:
    ours, theirs = clients
    differences = []
    for ask in SCENARIOS[name]:
        expected = await _answer(theirs, ask)
        found = await _answer(ours, ask)
        if found != expected or list(found) != list(expected):
            differences.append(f"{ask}\n  nats-server {expected}\n  ours        {found}")
    assert not differences, "\n".join(differences)


async def test_advisories_are_nats_servers(clients: tuple[Client, Client]) -> None:
    asked = [
        create("E"), create("E"), create("E", max_msgs=4), update("E", max_msgs=5), info("NONE"), api("STREAM.PURGE.E"),
        api("INFO"), api("STREAM.DELETE.E"),
    ]  # fmt: skip
    heard = []
    for client in clients:
        sub = await client.subscribe("$JS.EVENT.>")
        for ask in asked:
            await client.request(ask.subject, ask.payload())
        advisories = [await sub.next_msg(timeout=5) for _ in range(len(asked) + 3)]
        shapes = [(each.subject, _shape(json.loads(each.data))) for each in advisories]
        heard.append(sorted(shapes, key=str))  # nats-server's come from several threads
        await sub.unsubscribe()
    assert heard[0] == heard[1]


def _shape(advisory: dict[str, Any]) -> Any:
    for own in ("id", "timestamp", "server", "response"):
        advisory[own] = own in advisory
    if "client" in advisory:
        advisory["client"] |= dict.fromkeys(("id", "start", "rtt", "server"), "…")
    return dict(sorted(advisory.items()))
