"""Mirrors and sources on our broker and on nats-server: the same copies, with the same headers, sequences and lags."""

import json
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.broker.jetstream.conftest import Same
from tests.support.twins import Party, jetstream_server

S = 1_000_000_000


async def create(party: Party, name: str, **config: Any) -> None:
    """How far a copy has come when its creation is answered isn't compared."""
    answer = await party.api(f"STREAM.CREATE.{name}", {"name": name, **config})
    if "mirror" in config or "sources" in config:
        assert "error" not in answer
        party.transcript.pop()


async def dump(party: Party, name: str) -> None:
    """All messages of a stream, and what it says of itself."""
    info = await party.api(f"STREAM.INFO.{name}", {"deleted_details": True})
    for seq in range(info["state"]["first_seq"], info["state"]["last_seq"] + 1):
        await party.api(f"STREAM.MSG.GET.{name}", {"seq": seq})
    times = []
    for seq in range(info["state"]["first_seq"], info["state"]["last_seq"] + 1):
        answers = [
            json.loads(
                (
                    await party.client.request(
                        f"$JS.API.STREAM.MSG.GET.{each}", b'{"seq":%d}' % seq
                    )
                ).data
            )
            for each in (name, "ORIGIN")
        ]
        times.append(
            answers[0].get("message", {}).get("time") == answers[1].get("message", {}).get("time")
        )
    if name.startswith("M"):
        party.transcript.append(times)


async def origin(party: Party, **config: Any) -> None:
    await create(party, "ORIGIN", subjects=["o.>"], allow_direct=True, **config)
    for at in range(1, 7):
        await party.publish(f"o.{at % 2}.x", b"%d" % at, **({"Own": f"h{at}"} if at % 3 else {}))
    await party.api("STREAM.MSG.DELETE.ORIGIN", {"seq": 3})


async def test_a_mirror_has_the_sequences_times_and_gaps_of_its_origin(same: Same) -> None:
    async def steps(party: Party) -> None:
        await origin(party)
        await create(party, "M", mirror={"name": "ORIGIN"})
        await party.sequence("M", 6)
        await dump(party, "M")
        await party.publish("o.new", b"7", Nats_Msg_Id="i", Nats_Expected_Last_Sequence="6")
        await party.sequence("M", 7)
        await party.api("STREAM.MSG.GET.M", {"seq": 7})
        await party.ask("$JS.API.DIRECT.GET.M", {"last_by_subj": "o.new"})
        await party.api("CONSUMER.NAMES.ORIGIN")
        await party.api("STREAM.INFO.ORIGIN")
        account = json.loads((await party.client.request("$JS.API.INFO")).data)
        party.transcript.append(account["consumers"])
        await party.api("STREAM.PURGE.M", {"keep": 2})
        await party.publish("o.new", b"8")
        await party.sequence("M", 8)
        await dump(party, "M")

    await same(steps)


async def test_mirrors_begin_where_they_are_told_and_take_what_they_filter(same: Same) -> None:
    async def steps(party: Party) -> None:
        await origin(party)
        await create(party, "M1", mirror={"name": "ORIGIN", "opt_start_seq": 4})
        await create(party, "M2", mirror={"name": "ORIGIN", "filter_subject": "o.1.x"})
        await create(
            party, "M3", mirror={"name": "ORIGIN", "opt_start_time": "2020-01-01T00:00:00Z"}
        )
        cuts = [{"src": "o.0.*", "dest": "zero.$1"}, {"src": "o.1.>", "dest": ""}]
        await create(party, "M4", mirror={"name": "ORIGIN", "subject_transforms": cuts})
        await create(
            party, "M5", mirror={"name": "ORIGIN"}, subject_transform={"src": "o.>", "dest": "n.>"}
        )
        for name in ("M1", "M3", "M4", "M5"):
            await party.sequence(name, 6)
        await party.sequence("M2", 5)
        for name in ("M1", "M2", "M3", "M4", "M5"):
            await dump(party, name)

    await same(steps)


async def test_a_mirror_waits_for_its_origin_and_can_become_a_stream_of_its_own(same: Same) -> None:
    async def steps(party: Party) -> None:
        await create(party, "M", mirror={"name": "ORIGIN"})
        await origin(party)
        await party.sequence("M", 6)
        await party.api("STREAM.UPDATE.M", {"name": "M", "subjects": ["m.>"]})
        await party.publish("o.more", b"7")
        await party.publish("m.own", b"7")
        await dump(party, "M")

    await same(steps)


async def test_sources_say_where_each_copy_is_from(same: Same) -> None:
    async def steps(party: Party) -> None:
        await origin(party)
        await create(party, "OTHER", subjects=["other.>"])
        await create(
            party, "A", subjects=["a"], sources=[{"name": "ORIGIN", "filter_subject": "o.1.>"}]
        )
        await party.sequence("A", 2)
        await party.publish("a", b"own")
        cut = [{"src": "other.*", "dest": "copied.$1"}]
        await party.api(
            "STREAM.UPDATE.A",
            {
                "name": "A",
                "subjects": ["a"],
                "sources": [
                    {"name": "ORIGIN", "filter_subject": "o.1.>"},
                    {"name": "OTHER", "subject_transforms": cut},
                ],
            },
        )
        await party.publish("other.x", b"1", Nats_Msg_Id="same")
        await party.sequence("A", 4)
        await party.publish("other.y", b"2", Nats_Msg_Id="same2")
        await party.sequence("A", 5)
        await dump(party, "A")
        await create(party, "CHAIN", sources=[{"name": "A", "opt_start_seq": 3}])
        await party.sequence("CHAIN", 3)
        await dump(party, "CHAIN")

    await same(steps)


async def test_counters_of_several_streams_add_up(same: Same) -> None:
    async def steps(party: Party) -> None:
        for name in ("X", "Y"):
            await create(party, name, subjects=[f"{name}.>"], allow_msg_counter=True)
        sources = [
            {"name": name, "subject_transforms": [{"src": f"{name}.>", "dest": "sum.>"}]}
            for name in ("X", "Y")
        ]
        await create(party, "SUM", sources=sources, allow_msg_counter=True)
        for at, (name, value) in enumerate((("X", "5"), ("Y", "7"), ("X", "-2"), ("Y", "1")), 1):
            await party.publish(f"{name}.a", Nats_Incr=value)
            await party.sequence("SUM", at)
        await dump(party, "SUM")

    await same(steps)


async def test_a_work_queue_gives_its_messages_to_whoever_sources_it(same: Same) -> None:
    async def steps(party: Party) -> None:
        await create(party, "QUEUE", subjects=["q.>"], retention="workqueue")
        for at in range(5):
            await party.publish("q.a", b"%d" % at)
        await create(party, "A", sources=[{"name": "QUEUE"}])
        await party.sequence("A", 5)
        await party.gone("QUEUE", 0)
        await dump(party, "A")

    await same(steps)


async def test_what_sourced_a_stream_holds_nothing_back_when_it_is_gone(same: Same) -> None:
    async def steps(party: Party) -> None:
        await create(party, "EVENTS", subjects=["e.>"], retention="interest")
        await create(party, "A", sources=[{"name": "EVENTS"}])
        await party.consumers("EVENTS", 1)
        await party.publish("e.a", b"1")
        await party.sequence("A", 1)
        await party.api("STREAM.DELETE.A")
        await party.consumers("EVENTS", 0)
        await party.publish("e.a", b"2")
        await party.api("STREAM.INFO.EVENTS")

    await same(steps)


async def durable(party: Party, **config: Any) -> None:
    """A consumer of ORIGIN that mirrors and sources may be fed by."""
    config = {
        "durable_name": "D", "name": "D", "deliver_subject": "feed", "ack_policy": "flow_control", **config
    }  # fmt: skip
    await party.api("CONSUMER.CREATE.ORIGIN.D", {"stream_name": "ORIGIN", "config": config})


FEED = {"name": "ORIGIN", "consumer": {"name": "D", "deliver_subject": "feed"}}


@pytest.mark.parametrize("retention", ["limits", "interest", "workqueue"])
async def test_a_durable_consumer_feeds_a_source(same: Same, retention: str) -> None:
    async def steps(party: Party) -> None:
        await create(party, "ORIGIN", subjects=["o.>"], retention=retention)
        await durable(party, filter_subject="o.1.>", max_ack_pending=2)
        for at in range(1, 10):
            await party.publish(
                f"o.{at % 2}.x", b"%d" % at, **({"Own": f"h{at}"} if at % 3 else {})
            )
        cut = [{"src": "o.1.x", "dest": "one"}]
        await create(party, "A", sources=[{**FEED, "subject_transforms": cut}])
        await party.sequence("A", 5)
        await party.acknowledged("ORIGIN", "D", 9)
        await dump(party, "A")
        await party.api("CONSUMER.INFO.ORIGIN.D")
        await party.api("STREAM.DELETE.A")
        await party.api("CONSUMER.NAMES.ORIGIN")

    await same(steps)


async def test_a_durable_consumer_feeds_a_mirror(same: Same) -> None:
    async def steps(party: Party) -> None:
        await origin(party)
        await durable(party)
        await create(party, "M", mirror=FEED)
        await party.sequence("M", 6)
        await dump(party, "M")
        await party.acknowledged("ORIGIN", "D", 6)
        await party.api("CONSUMER.INFO.ORIGIN.D")

    await same(steps)


@pytest.mark.parametrize("kind", ["mirror", "sources"])
async def test_a_durable_consumer_that_feeds_others_is_acknowledged_by_flow_control(
    same: Same, kind: str
) -> None:
    async def steps(party: Party) -> None:
        await origin(party)
        await durable(party, ack_policy="explicit")
        await create(party, "A", **({"mirror": FEED} if kind == "mirror" else {"sources": [FEED]}))
        await party.errors("A", kind)

    await same(steps)


async def test_a_durable_consumer_may_come_later_than_whom_it_feeds(same: Same) -> None:
    async def steps(party: Party) -> None:
        await origin(party)
        await create(party, "A", sources=[FEED])
        await durable(party)
        await party.sequence("A", 5)
        await dump(party, "A")

    await same(steps)


@pytest.mark.parametrize(
    "config", [{"mirror": {"name": "QUEUE"}}, {"sources": [{"name": "QUEUE"}]}]
)
async def test_what_a_work_queue_is_copied_by_is_acknowledged_by_flow_control(
    same: Same, config: dict[str, Any]
) -> None:
    async def steps(party: Party) -> None:
        await create(party, "QUEUE", subjects=["q.>"], retention="workqueue")
        await party.publish("q.a")
        await create(party, "A", **config)
        await party.gone("QUEUE", 0)
        answer = await party.client.request("$JS.API.CONSUMER.LIST.QUEUE", b"")
        (found,) = json.loads(answer.data)["consumers"]
        asked = {k: v for k, v in found["config"].items() if k not in OWN_NAMES}
        party.transcript.append((asked, list(asked), found["delivered"]["stream_seq"]))

    await same(steps)


#: Of a consumer that a source made itself.
OWN_NAMES = {"durable_name", "name", "deliver_subject"}


async def test_sources_go_on_where_they_were_after_a_restart_and_after_a_purge(
    tmp_path: Path,
) -> None:
    with jetstream_server(True, tmp_path) as server:
        client = await nats.connect(server.url)
        party = Party(client)
        await origin(party)
        await create(party, "M", mirror={"name": "ORIGIN"})
        await create(party, "A", sources=[{"name": "ORIGIN"}])
        await create(party, "B", sources=[{"name": "ORIGIN"}])
        await durable(party)
        await create(party, "C", sources=[FEED])
        for name, last in (("M", 6), ("A", 5), ("B", 5), ("C", 5)):
            await party.sequence(name, last)
        await party.api("STREAM.PURGE.B")
        await client.close()
        server.kill()
        server.start()
        party = Party(await nats.connect(server.url))
        await party.publish("o.after", b"after")
        for name, last in (("M", 7), ("A", 6), ("B", 6), ("C", 6)):
            await party.sequence(name, last)
            answer = await party.api(f"STREAM.MSG.GET.{name}", {"seq": last})
            assert answer["message"]["subject"] == "o.after"
            state = (await party.api(f"STREAM.INFO.{name}"))["state"]
            assert state["messages"] == {"M": 6, "A": 6, "B": 1, "C": 6}[name]
        await party.acknowledged("ORIGIN", "D", 7)
        await party.client.close()


ACCOUNTS = """
accounts: {
  A: {
    jetstream: enabled
    users: [{user: a, password: a}]
    exports: [
      {service: "$JS.API.>", response_type: stream}
      {service: "$JS.FC.>"}
      {stream: "deliver.>"}
    ]
  }
  B: {
    jetstream: enabled
    users: [{user: b, password: b}]
    imports: [
      {service: {account: A, subject: "$JS.API.>"}, to: "A.API.>"}
      {service: {account: A, subject: "$JS.FC.>"}}
      {stream: {account: A, subject: "deliver.>"}}
    ]
  }
}
"""


@pytest.mark.parametrize("ours", [True, False])
async def test_streams_of_another_account_are_copied_through_its_exports(
    tmp_path: Path, ours: bool
) -> None:
    with jetstream_server(ours, tmp_path, ACCOUNTS) as server:
        a = Party(await nats.connect(server.url, user="a", password="a"))
        b = Party(await nats.connect(server.url, user="b", password="b"))
        await origin(a)
        external = {"api": "A.API", "deliver": "deliver"}
        await create(b, "M", mirror={"name": "ORIGIN", "external": external})
        await create(
            b, "T", sources=[{"name": "ORIGIN", "external": external, "filter_subject": "o.1.x"}]
        )
        await b.sequence("M", 6)
        await b.sequence("T", 2)
        answer = await b.api("STREAM.MSG.GET.T", {"seq": 2})
        assert answer["message"]["subject"] == "o.1.x"
        assert (
            "Nats-Stream-Source: ORIGIN:4trl36Z3 5 o.1.x > o.1.x"
            in b.transcript[-1]["message"]["hdrs"]
        )
        for _ in range(300):
            await a.client.publish("o.1.x", b"x" * 20_000)
        await b.sequence("M", 306)
        await b.sequence("T", 302)
        info = await b.api("STREAM.INFO.M")
        assert info["mirror"]["lag"] == 0 and info["mirror"]["external"] == external
        await a.client.close()
        await b.client.close()


@pytest.mark.parametrize("ours", [True, False])
async def test_an_origin_that_hears_no_answers_is_said_to_stall(tmp_path: Path, ours: bool) -> None:
    deaf = "".join(line for line in ACCOUNTS.splitlines(True) if "$JS.FC.>" not in line)
    with jetstream_server(ours, tmp_path, deaf) as server:
        a = Party(await nats.connect(server.url, user="a", password="a"))
        b = Party(await nats.connect(server.url, user="b", password="b"))
        await create(a, "ORIGIN", subjects=["o"])
        await create(
            b, "M", mirror={"name": "ORIGIN", "external": {"api": "A.API", "deliver": "deliver"}}
        )
        for _ in range(200):
            await a.client.publish("o", b"x" * 20_000)
        await b.errors("M", "mirror")
        assert b.transcript[-1] == [
            {
                "code": 500,
                "err_code": 10228,
                "description": "stream source consumer stalled on flow control",
            }
        ]
        await a.client.close()
        await b.client.close()
