"""The same consumers on our broker and on nats-server: equal answers, messages, statuses and advisories."""

import json

import pytest

from tests.support.scenarios import Scenarios, hold
from tests.support.servers import Server
from tests.support.side_by_side import DEADLINE_S, Side, shape

_SECOND = 1_000_000_000

SCENARIOS = Scenarios()


@SCENARIOS.add
async def _creating_in_all_three_forms(s: Side) -> None:
    await s.stream("A", subjects=["a.*"])
    explicit = {"ack_policy": "explicit"}
    await s.api(
        "CONSUMER.CREATE.A", {"stream_name": "A", "config": {"deliver_subject": "x", "name": "P"}}
    )
    await s.api("CONSUMER.CREATE.A", {"stream_name": "A", "config": {"durable_name": "D"}})
    await s.api("CONSUMER.CREATE.A.N", {"stream_name": "A", "config": {"name": "N", **explicit}})
    await s.api(
        "CONSUMER.CREATE.A.F.a.b",
        {"stream_name": "A", "config": {"filter_subject": "a.b", **explicit}},
    )
    await s.api(
        "CONSUMER.CREATE.A.G.a.b",
        {"stream_name": "A", "config": {"filter_subject": "a.c", **explicit}},
    )
    await s.api(
        "CONSUMER.DURABLE.CREATE.A.O",
        {"stream_name": "A", "config": {"durable_name": "O", **explicit}},
    )
    await s.api("CONSUMER.DURABLE.CREATE.A.Q", {"stream_name": "A", "config": {**explicit}})
    await s.api("CONSUMER.DURABLE.CREATE.A", {"stream_name": "A", "config": {**explicit}})
    await s.api("CONSUMER.CREATE.NONE.N", {"stream_name": "NONE", "config": explicit})
    await s.api("CONSUMER.CREATE.A.N", {"stream_name": "B", "config": explicit})
    await s.api("CONSUMER.CREATE.A.N", {"stream_name": "A", "config": explicit, "x": 1})
    await s.api("CONSUMER.CREATE.A.N")
    await s.consumer("A", "N2", action="update")
    await s.consumer("A", "N2", action="create")
    await s.consumer("A", "N2", action="create")
    await s.consumer("A", "N2", action="create", max_deliver=5)
    await s.consumer("A", "N2", action="update", max_deliver=5, description="changed")
    await s.consumer("A", "N2", ack_policy="none")
    await s.consumer("A", "N2", deliver_subject="p")
    for name in ("N2", "NONE"):
        await s.info("A", name)
    await s.api("CONSUMER.NAMES.A")
    await s.api("CONSUMER.NAMES.A", {"offset": 2})
    await s.api("CONSUMER.NAMES.NONE")
    await s.api("CONSUMER.LIST.A")
    await s.api("CONSUMER.LIST.A", {"offset": 99})
    await s.api("CONSUMER.LIST.NONE")
    await s.api("CONSUMER.DELETE.A.N2", {"x": 1})
    await s.api("CONSUMER.DELETE.A.N2")
    await s.api("CONSUMER.DELETE.A.N2")
    await s.api("STREAM.INFO.A")


@SCENARIOS.add
async def _start_policies(s: Side) -> None:
    await s.stream("P")
    await s.publish("p.a", "p.b", "p.a", "p.c", "p.b")
    for name, config in {
        "all": {}, "last": {"deliver_policy": "last"}, "new": {"deliver_policy": "new"},
        "lastf": {"deliver_policy": "last", "filter_subject": "p.a"},
        "lasts": {"deliver_policy": "last_per_subject", "filter_subject": "p.>"},
        "seq": {"deliver_policy": "by_start_sequence", "opt_start_seq": 4},
        "seqfar": {"deliver_policy": "by_start_sequence", "opt_start_seq": 40},
        "time": {"deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z"},
        "future": {"deliver_policy": "by_start_time", "opt_start_time": "2090-01-01T00:00:00Z"},
        "many": {"filter_subjects": ["p.a", "p.c"]}, "none": {"filter_subject": "p.x"},
    }.items():  # fmt: skip
        await s.consumer("P", name, **config)
        await s.pull(
            "P",
            {"batch": 10, "no_wait": True},
            count={"new": 1, "seqfar": 1, "future": 1, "none": 1}.get(name, 2),
            name=name,
        )
        await s.info("P", name)
    await s.publish("p.a", "p.x")
    for name in ("new", "seqfar", "lasts", "many", "none"):
        await s.info("P", name)


@SCENARIOS.add
async def _starts_where_there_is_nothing_to_take(s: Side) -> None:
    await s.stream("N")
    await s.publish("n.a", "n.b", "n.a", "n.b", "n.c", "n.a")
    await s.api("STREAM.MSG.DELETE.N", {"seq": 6})
    old = {"deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z"}
    for name, config in {
        "last": {"deliver_policy": "last"}, "lastf": {"deliver_policy": "last", "filter_subject": "n.x"},
        "lasts": {"deliver_policy": "last_per_subject", "filter_subject": "n.x"},
        "lastm": {"deliver_policy": "last_per_subject", "filter_subjects": ["n.x", "n.y"]},
        "time": {**old, "filter_subject": "n.b"}, "timec": {**old, "filter_subject": "n.c"},
        "timem": {**old, "filter_subjects": ["n.c", "n.b"]}, "timex": {**old, "filter_subject": "n.x"},
    }.items():  # fmt: skip
        await s.consumer("N", name, **config)
    await s.publish("n.x", "n.b")
    for name in ("last", "lastf", "lasts", "lastm", "time", "timec", "timem", "timex"):
        await s.pull("N", {"batch": 1, "no_wait": True}, name=name)
        await s.info("N", name)


@SCENARIOS.add
async def _names_with_and_without_durable(s: Side) -> None:
    """Whether a consumer is durable decides about its threshold, and is what it was before the change."""
    await s.stream("I")
    for consumer, first, then in (
        ("A", {"durable_name": "", "name": "A"}, {}),
        ("B", {}, {"durable_name": "", "name": "B"}),
        ("C", {"durable_name": "", "name": "C", "inactive_threshold": 60 * _SECOND}, {}),
        ("D", {"inactive_threshold": 60 * _SECOND}, {"durable_name": "", "name": "D"}),
    ):
        for changes in (first, {**then, "description": "changed"}):
            config = {"durable_name": consumer, "ack_policy": "explicit", **changes}
            body = {"stream_name": "I", "config": config}
            await s.api(f"CONSUMER.CREATE.I.{consumer}", body)
        await s.info("I", consumer)


@SCENARIOS.add
async def _pulling(s: Side) -> None:
    await s.stream("L")
    await s.consumer("L")
    await s.pull("L", {"no_wait": True})
    await s.pull("L", {"batch": 2, "expires": _SECOND // 4})
    await s.publish("l.a", "l.b", "l.c", "l.d", "l.e")
    await s.pull("L")
    await s.pull("L", b"2", count=2)
    await s.pull("L", {"batch": 5, "no_wait": True}, count=3)
    await s.pull("L", {"batch": 5, "no_wait": True, "expires": _SECOND // 4})
    await s.info("L")
    for body in (
        b"{", b"x", {"batch": 1, "idle_heartbeat": _SECOND, "expires": _SECOND}, {"group": "g"}, {"min_pending": 1},
        {"id": "x"}, {"priority": 10}, {"batch": 1, "expires": -1},
    ):  # fmt: skip
        await s.publish("l.z")
        await s.pull("L", body)
    await s.pull(
        "L", dict.fromkeys(("group", "id", "no_wait", "priority", "expires"), None) | {"batch": 1}
    )
    await s.pull("L", {"batch": 3, "expires": _SECOND, "idle_heartbeat": _SECOND // 3}, count=3)
    await s.pull("L", {"batch": 1}, Required_Api_Level="9")
    await s.pull("L", {"batch": 1}, count=0, name="NONE")


@SCENARIOS.add
async def _limits_of_requests(s: Side) -> None:
    await s.stream("R")
    await s.consumer("R", max_batch=5, max_expires=2 * _SECOND, max_bytes=1000, max_waiting=2)
    for body in ({"batch": 6}, {"expires": 3 * _SECOND}, {"max_bytes": 1001, "batch": 1}):
        await s.pull("R", body)
    first = await s.request("R", {"batch": 1, "expires": 2 * _SECOND})
    second = await s.request("R", {"batch": 1, "expires": 2 * _SECOND})
    await s.pull("R", {"batch": 1})
    await s.publish("r.a", data=b"x" * 100)
    await s.expect(first, 1)
    await s.leave(first)
    await s.publish("r.a", data=b"x" * 100)
    await s.expect(second, 1)
    await s.publish(*["r.a"] * 4, data=b"x" * 100)
    await s.pull("R", {"batch": 5, "max_bytes": 400, "expires": _SECOND}, count=3)
    await s.pull("R", {"batch": 5, "max_bytes": 20, "expires": _SECOND})
    await s.pull("R", {"batch": 1, "max_bytes": 900, "expires": _SECOND}, count=2)
    await s.info("R")


@SCENARIOS.add
async def _every_word_of_an_acknowledgement(s: Side) -> None:
    await s.listen("$JS.EVENT.*.CONSUMER.>")
    await s.stream("K")
    await s.consumer("K", max_deliver=3, sample_freq="100")
    await s.publish(*(f"k.{n}" for n in range(9)))
    await s.pull("K", b"7", count=7)
    for index, word in enumerate(
        (b"", b"+ACK", b"+OK", b"+WPI", b"-NAK", b"+TERM no good", b"+TERM")
    ):
        await s.ack(index, word)
    await s.ack(0)
    await s.info("K")
    await s.pull("K", b"1", count=1)
    await s.ack(7, b'-NAK {"delay": 200000000}')
    await s.pull("K", {"batch": 1, "expires": 2 * _SECOND})
    await s.pull("K", {"batch": 1, "expires": 2 * _SECOND})
    await s.ack(8, b"-NAK 150ms")
    await s.ack(9, b"unknown word")
    await s.info("K")
    await s.ack(9)
    await s.info("K")
    sub = await s.client.subscribe("next")
    await s.client.publish(s.messages[9].reply, b"+NXT", reply="next")
    s.note("next", shape(await sub.next_msg(timeout=DEADLINE_S)))
    await s.expect("$JS.EVENT.*.CONSUMER.>", 15)


@SCENARIOS.add
async def _acknowledging_all(s: Side) -> None:
    await s.stream("ALL", subjects=["all.*"])
    await s.consumer("ALL", ack_policy="all")
    await s.publish(*(f"all.{n}" for n in range(6)))
    await s.pull("ALL", b"5", count=5)
    await s.info("ALL")
    await s.ack(2)
    await s.info("ALL")
    await s.ack(1)
    await s.ack(4)
    await s.info("ALL")


@SCENARIOS.add
async def _out_of_order_acknowledgements_and_filters(s: Side) -> None:
    await s.stream("OO")
    await s.publish("oo.x", "oo.a", "oo.x", "oo.a", "oo.a", "oo.x", "oo.a")
    await s.consumer("OO", filter_subject="oo.a")
    await s.info("OO")
    await s.pull("OO", b"4", count=4)
    await s.info("OO")
    for index in (2, 0, 3, 1):
        await s.ack(index)
        await s.info("OO")
    await s.consumer("OO", "W", filter_subjects=["oo.*"])
    await s.pull("OO", b"3", count=3, name="W")
    await s.info("OO", "W")
    await s.publish("oo.b", "oo.x")
    await s.consumer("OO", "W", filter_subjects=["oo.b", "oo.x"])
    await s.info("OO", "W")
    await s.pull("OO", b"9", count=3, name="W")
    await s.info("OO", "W")


@SCENARIOS.add
async def _redelivery(s: Side) -> None:
    await s.listen("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>")
    await s.stream("RD")
    await s.consumer("RD", ack_wait=_SECOND // 2, max_deliver=2)
    await s.publish("rd.a", "rd.b")
    await s.pull("RD", b"2", count=2)
    await s.pull("RD", {"batch": 2, "expires": 3 * _SECOND}, count=2)
    await s.info("RD")
    await s.ack(0)
    await s.pull("RD", {"batch": 2, "expires": 2 * _SECOND})
    await s.expect("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", 1)
    await s.info("RD")
    await s.stream("B")
    await s.consumer("B", backoff=[_SECOND // 5, _SECOND // 3], max_deliver=4)
    await s.publish("b.a")
    for _ in range(4):
        await s.pull("B", {"batch": 1, "expires": 3 * _SECOND})
    await s.info("B")


@SCENARIOS.add
async def _a_limit_of_unacknowledged_messages(s: Side) -> None:
    await s.stream("M")
    await s.consumer("M", max_ack_pending=2)
    await s.publish(*["m.a"] * 5)
    inbox = await s.request("M", {"batch": 5, "expires": 5 * _SECOND})
    await s.expect(inbox, 2)
    await s.pull("M", {"batch": 1, "no_wait": True}, count=1)
    await s.info("M")
    await s.ack(0)
    await s.expect(inbox, 1)
    await s.consumer("M", max_ack_pending=3)
    await s.expect(inbox, 1)
    await s.info("M")


@SCENARIOS.add
async def _pushing(s: Side) -> None:
    await s.stream("PU")
    await s.publish("pu.a", "pu.b")
    await s.consumer("PU", deliver_subject="to.me")
    await s.info("PU")
    await s.listen("to.me")
    await s.expect("to.me", 2)
    await s.publish("pu.c", n="1")
    await s.expect("to.me", 1)
    await s.info("PU")
    await s.consumer("PU", deliver_subject="to.you")
    await s.leave("to.me")
    await s.publish("pu.d")
    await s.info("PU")
    await s.ack(0)
    await s.listen("to.you")
    await s.consumer("PU", deliver_subject="to.you")
    await s.listen("to.me")
    await s.expect("to.me", 3)
    await s.pull("PU")
    await s.consumer("PU", "Q", deliver_subject="to.group", deliver_group="g", ack_policy="none")
    await s.listen("to.group")
    await s.info("PU", "Q")
    await s.leave("to.group")
    await s.listen("to.group", queue="g")
    await s.expect("to.group", 4)
    await s.info("PU", "Q")
    await s.consumer(
        "PU", "H", deliver_subject="to.heads", headers_only=True, deliver_policy="last"
    )
    await s.listen("to.heads")
    await s.expect("to.heads", 1)


@SCENARIOS.add
async def _heartbeats_and_flow_control(s: Side) -> None:
    await s.stream("H")
    await s.publish(*["h.a"] * 25, data=b"x" * 100_000)
    await s.consumer(
        "H",
        deliver_subject="to.h",
        idle_heartbeat=_SECOND // 4,
        flow_control=True,
        ack_policy="none",
    )
    await s.listen("to.h")
    await s.expect("to.h", 27, quiet=False)
    await s.info("H")


@SCENARIOS.add
async def _pausing(s: Side) -> None:
    await s.listen("$JS.EVENT.*.CONSUMER.>")
    await s.stream("Z")
    await s.consumer("Z")
    await s.publish("z.a")
    await s.api("CONSUMER.PAUSE.Z.C", {"pause_until": "2090-01-01T00:00:00Z"})
    await s.pull("Z", {"batch": 1, "expires": _SECOND // 4})
    await s.info("Z")
    await s.consumer("Z", description="still paused")
    await s.api("CONSUMER.PAUSE.Z.C")
    await s.pull("Z")
    await s.api("CONSUMER.PAUSE.Z.NONE")
    await s.api("CONSUMER.PAUSE.Z.C", {"pause_until": "2000-01-01T00:00:00Z"})
    await s.expect("$JS.EVENT.*.CONSUMER.>", 4)


async def _reset(s: Side, name: str, body: dict[str, int] | None = None) -> None:
    """nats-server's answer shows what was delivered before now and then, so that isn't compared."""
    payload = json.dumps(body).encode() if body else b""
    answer = json.loads(
        (
            await s.client.request(f"$JS.API.CONSUMER.RESET.RS.{name}", payload, timeout=DEADLINE_S)
        ).data
    )
    compared = ("type", "error", "reset_seq", "num_pending", "num_ack_pending", "name")
    s.note(f"reset {name} {body}", {key: answer.get(key) for key in compared})


@SCENARIOS.add
async def _starting_over(s: Side) -> None:
    await s.stream("RS")
    await s.consumer("RS")
    await s.publish(*["rs.a"] * 4)
    await s.pull("RS", b"3", count=3)
    await s.ack(0)
    await _reset(s, "C")
    await s.info("RS")
    await s.pull("RS", b"3", count=3)
    await _reset(s, "C", {"seq": 1})
    await s.pull("RS")
    await s.api("CONSUMER.RESET.RS.NONE", {"seq": 1})
    await s.consumer("RS", "S", deliver_policy="by_start_sequence", opt_start_seq=2)
    await _reset(s, "S", {"seq": 1})
    await _reset(s, "S", {"seq": 4})
    await s.consumer("RS", "N", deliver_policy="new")
    await _reset(s, "N", {"seq": 1})


@SCENARIOS.add
async def _overflow(s: Side) -> None:
    await s.stream("OV")
    await s.consumer("OV", priority_groups=["A"], priority_policy="overflow")
    await s.publish("ov.a", "ov.b")
    await s.pull("OV", {"batch": 1})
    await s.pull("OV", {"batch": 1, "group": "B"})
    inbox = await s.request(
        "OV", {"batch": 5, "group": "A", "min_pending": 4, "expires": 5 * _SECOND}
    )
    await s.expect(inbox, 0)
    await s.publish("ov.c", "ov.d")
    await s.expect(inbox, 1)
    await s.info("OV")
    await s.pull("OV", {"batch": 1, "group": "A"})
    await s.pull("OV", {"batch": 1, "group": "A", "min_ack_pending": 1})


@SCENARIOS.add
async def _pins(s: Side) -> None:
    await s.listen("$JS.EVENT.ADVISORY.CONSUMER.*.>")
    await s.stream("PI")
    await s.consumer(
        "PI", priority_groups=["A"], priority_policy="pinned_client", priority_timeout=60 * _SECOND
    )
    await s.info("PI")
    await s.publish("pi.a", "pi.b", "pi.c", "pi.d")
    await s.pull("PI", {"batch": 1, "group": "A", "expires": _SECOND})
    await s.info("PI")
    pin = (s.messages[0].headers or {})["Nats-Pin-Id"]
    await s.pull("PI", {"batch": 1, "group": "A", "expires": _SECOND // 4})
    await s.pull("PI", {"batch": 1, "group": "A", "id": "wrong", "expires": _SECOND})
    await s.pull("PI", {"batch": 1, "group": "A", "id": pin, "expires": _SECOND})
    await s.api("CONSUMER.UNPIN.PI.C", {"group": "A"})
    await s.api("CONSUMER.UNPIN.PI.C", {"group": "B"})
    await s.api("CONSUMER.UNPIN.PI.C", {"group": ""})
    await s.api("CONSUMER.UNPIN.PI.C", {"group": "not good"})
    await s.pull("PI", {"batch": 1, "group": "A", "id": pin, "expires": _SECOND})
    await s.pull("PI", {"batch": 1, "group": "A", "expires": _SECOND})
    await s.expect("$JS.EVENT.ADVISORY.CONSUMER.*.>", 4)


@SCENARIOS.add
async def _prioritized(s: Side) -> None:
    await s.stream("PR")
    await s.consumer("PR", priority_groups=["A"], priority_policy="prioritized")
    low = await s.request("PR", {"batch": 2, "group": "A", "priority": 5, "expires": 5 * _SECOND})
    high = await s.request("PR", {"batch": 2, "group": "A", "priority": 1, "expires": 5 * _SECOND})
    await s.waiting("PR", 2)
    await s.publish("pr.a", "pr.b", "pr.c")
    await s.expect(high, 2)
    await s.expect(low, 1)


@SCENARIOS.add
async def _more_deliveries_than_allowed(s: Side) -> None:
    """A message that was refused as often as it may go out stays awaited until somebody asks for the next one."""
    await s.stream("M")
    await s.listen("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>")
    await s.consumer("M", max_deliver=1)
    await s.publish("m.a", "m.b")
    await s.pull("M", {"batch": 1, "no_wait": True}, count=0)
    await s.ack(-1, b"-NAK")
    await s.info("M")
    await s.ack(-1, b"+WPI")
    await s.expect("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", 0)
    await s.pull("M", {"batch": 1, "no_wait": True}, count=0)
    await s.expect("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", 1)


@SCENARIOS.add
async def _acknowledgements_that_others_hear(s: Side) -> None:
    """They are messages like others: subscriptions hear them, beside the consumer they are for."""
    await s.stream("OH", subjects=["oh.>"])
    await s.consumer("OH")
    await s.publish("oh.a", "oh.b", "oh.c")
    await s.pull("OH", b"3", count=3)
    for subject in ("$JS.ACK.OH.C.>", "$JS.ACK.>"):
        await s.listen(subject)
    await s.ack(0, b"+ACK", reply=False)
    for subject in ("$JS.ACK.OH.C.>", "$JS.ACK.>"):
        await s.expect(subject, 1)
    await s.ack(1)
    await s.ack(2, b"-NAK", reply=False)
    for subject in ("$JS.ACK.OH.C.>", "$JS.ACK.>"):
        await s.expect(subject, 2)
        await s.leave(subject)
    await s.info("OH")


@pytest.mark.parametrize("name", SCENARIOS)
async def test_consumers_are_nats_servers(
    name: str, scenario_servers: tuple[Server, Server]
) -> None:
    await hold(SCENARIOS[name], scenario_servers)
