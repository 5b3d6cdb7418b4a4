"""What streams let go, and what that does to their consumers, on our broker and on nats-server alike."""

import asyncio
import json

import pytest

from tests.support.scenarios import Scenarios, hold
from tests.support.servers import Server
from tests.support.side_by_side import QUIET_S, Side
from tests.support.wait import until

_SECOND = 1_000_000_000
SCENARIOS = Scenarios()


@SCENARIOS.add
async def _work_queues(s: Side) -> None:
    await s.stream("WQ", retention="workqueue")
    await s.publish("wq.a", "wq.b", "wq.a")
    await s.consumer("WQ", ack_policy="none")
    await s.consumer("WQ", deliver_policy="new")
    await s.consumer("WQ", filter_subject="wq.a")
    await s.consumer("WQ", "D")
    await s.consumer("WQ", "D", filter_subject="wq.*")
    await s.consumer("WQ", "D", filter_subject="wq.b")
    await s.pull("WQ", b"2", count=2)
    await s.ack(0)
    await s.ack(1, b"+TERM")
    await s.api("STREAM.INFO.WQ")
    await s.info("WQ")
    await s.api("CONSUMER.DELETE.WQ.C")
    await s.api("STREAM.INFO.WQ")


@SCENARIOS.add
async def _interest(s: Side) -> None:
    await s.stream("IN", retention="interest")
    await s.publish("in.a")
    await s.consumer("IN", "A")
    await s.consumer("IN", "B", filter_subject="in.b")
    await s.publish("in.a", "in.b", "in.b")
    await s.pull("IN", b"3", count=3, name="A")
    for index in range(3):
        await s.ack(index)
    await s.api("STREAM.INFO.IN")
    await s.pull("IN", b"1", count=1, name="B")
    await s.ack(3)
    await s.api("STREAM.INFO.IN")
    await s.api("CONSUMER.DELETE.IN.B")
    await asyncio.sleep(QUIET_S)
    await s.api("STREAM.INFO.IN")


@SCENARIOS.add
async def _deletions_and_purges(s: Side) -> None:
    await s.listen("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>")
    await s.stream("DE")
    await s.consumer("DE")
    await s.publish(*["de.a"] * 8)
    await s.pull("DE", b"4", count=4)
    await s.api("STREAM.MSG.DELETE.DE", {"seq": 2})
    await s.api("STREAM.MSG.DELETE.DE", {"seq": 6})
    await asyncio.sleep(QUIET_S)
    await s.info("DE")
    await s.api("STREAM.PURGE.DE", {"seq": 4})
    await s.info("DE")
    await s.pull("DE", b"1", count=1)
    await s.api("STREAM.PURGE.DE")
    await s.info("DE")
    await s.publish("de.b")
    await s.pull("DE", b"1", count=1)
    await s.info("DE")
    await s.expect("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>", 1)
    inbox = await s.request("DE", {"batch": 1, "expires": 5 * _SECOND})
    await s.waiting("DE", 1)
    await s.api("CONSUMER.DELETE.DE.C")
    await s.expect(inbox, 1)
    await s.consumer("DE", "E")
    inbox = await s.request("DE", {"batch": 5, "expires": 5 * _SECOND}, name="E")
    await s.expect(inbox, 1)
    await s.waiting("DE", 1, name="E")
    await s.api("STREAM.DELETE.DE")
    await s.expect(inbox, 1)


@SCENARIOS.add
async def _purges_with_a_filter(s: Side) -> None:
    await s.stream("PF")
    await s.consumer("PF")
    await s.consumer("PF", "A", filter_subject="pf.a")
    await s.publish("pf.a", "pf.b", "pf.a", "pf.b", "pf.a")
    await s.pull("PF", b"3", count=3)
    await s.ack(1)
    await s.pull("PF", b"1", count=1, name="A")
    for name in ("C", "A"):
        await s.info("PF", name)
    for purge in ({"filter": "pf.b"}, {"filter": "pf.a", "keep": 1}, {"filter": "pf.x"}):
        await s.api("STREAM.PURGE.PF", purge)
        for name in ("C", "A"):
            await s.info("PF", name)
    await s.publish("pf.b", "pf.a")
    await s.ack(0)
    for name in ("C", "A"):
        await s.pull("PF", {"batch": 5, "no_wait": True}, count=3, name=name)
        await s.info("PF", name)
    await s.api("STREAM.PURGE.PF", {"filter": "pf.a", "seq": 7})
    for name in ("C", "A"):
        await s.info("PF", name)
    await s.api("STREAM.INFO.PF")


@SCENARIOS.add
async def _purges_of_what_a_consumer_does_not_take(s: Side) -> None:
    """What is still to come is left out: nats-server miscounts it after a purge of some of what a filter takes."""
    await s.stream("X")
    for name, filters in (
        ("A", ["x.a.*"]), ("B", ["x.*.b"]), ("C", ["x.a.b", "x.c"]), ("D", ["x.d"]), ("E", ["x.>"]),
    ):  # fmt: skip
        await s.consumer("X", name, filter_subjects=filters)
    await s.publish("x.a.b", "x.a.c", "x.c", "x.c.b")
    await s.pull("X", {"batch": 1, "no_wait": True}, name="D")
    for body in ({"filter": "x.*.b", "keep": 1}, {"filter": "x.c"}, {"filter": "x.d"}, {"keep": 9}):
        await s.api("STREAM.PURGE.X", body)
        for name in "ABCDE":
            answer = await s.client.request(f"$JS.API.CONSUMER.INFO.X.{name}", timeout=5)
            found = json.loads(answer.data)
            s.note(f"{name} after {body}", (found["delivered"], found["ack_floor"]))


@SCENARIOS.add
async def _an_emptied_stream(s: Side) -> None:
    for body in ({}, {"keep": 1}, {"seq": 1}, {"filter": "e.a"}, {"filter": ">"}):
        await s.stream("E")
        await s.api("STREAM.PURGE.E", body)
        await s.api("STREAM.INFO.E")
        await s.api("STREAM.DELETE.E")


@SCENARIOS.add
async def _interest_from_now_on(s: Side) -> None:
    """A stream that had limits keeps what no consumer takes, until a consumer goes or takes others."""
    for name, filters in (("N", []), ("O", ["o.a"]), ("P", ["p.a", "p.b"])):
        await s.stream(name)
        for each in filters:
            await s.consumer(name, each[-1], filter_subject=each)
        low = name.lower()
        await s.publish(f"{low}.a", f"{low}.c", f"{low}.a", f"{low}.b", f"{low}.a")
        for each in filters:
            await s.pull(
                name, {"batch": 2, "no_wait": True}, count=1 + (each[-1] == "a"), name=each[-1]
            )
            await s.ack(-1)
        subjects = [f"{low}.>"]
        await s.api(
            f"STREAM.UPDATE.{name}", {"name": name, "subjects": subjects, "retention": "interest"}
        )
        await s.api(f"STREAM.INFO.{name}", {"deleted_details": True})
        for each in reversed(filters):
            await s.api(f"CONSUMER.DELETE.{name}.{each[-1]}")
            await _settled(s, name)


async def _settled(s: Side, stream: str) -> None:
    """What a stream holds once nothing of it goes any more."""
    counts = [-1]

    async def still() -> bool:
        answer = await s.client.request(f"$JS.API.STREAM.INFO.{stream}", timeout=5)
        counts.append(json.loads(answer.data)["state"]["messages"])
        return counts[-1] == counts[-2]

    await until(still, f"{stream} keeps what it has")
    await s.api(f"STREAM.INFO.{stream}", {"deleted_details": True})


@SCENARIOS.add
async def _limits_of_the_stream(s: Side) -> None:
    await s.stream(
        "LS",
        max_consumers=1,
        consumer_limits={"max_ack_pending": 5, "inactive_threshold": 60 * _SECOND},
    )
    await s.consumer("LS", max_ack_pending=6)
    await s.consumer("LS")
    await s.consumer("LS", "D")
    await s.stream("LU")
    await s.consumer("LU", max_ack_pending=10, inactive_threshold=60 * _SECOND)
    for limits in (
        {"max_ack_pending": 9}, {"inactive_threshold": 59 * _SECOND},
        {"max_ack_pending": 10, "inactive_threshold": 60 * _SECOND}, {"max_ack_pending": 10}, {},
    ):  # fmt: skip
        config = {"name": "LU", "subjects": ["lu.>"], "consumer_limits": limits}
        await s.api("STREAM.UPDATE.LU", config)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_goes_goes_as_on_nats_server(
    name: str, scenario_servers: tuple[Server, Server]
) -> None:
    await hold(SCENARIOS[name], scenario_servers)
