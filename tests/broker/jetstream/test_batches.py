"""Atomic batches on our broker and on nats-server: answered alike, and stored alike."""

import json

from tests.broker.jetstream.conftest import Same
from tests.support.twins import Party

S = 1_000_000_000


async def stream(party: Party, **config: object) -> None:
    await party.api(
        "STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "allow_atomic": True, **config}
    )


async def batch(
    party: Party, name: str, *messages: tuple[str, dict[str, str]], end: str = "1"
) -> None:
    """Each is a subject and its further headers; the last one commits, or with ``end`` "eob" one more does."""
    last = len(messages)
    for at, (subject, headers) in enumerate(messages, 1):
        own = {"Nats_Batch_Id": name, "Nats_Batch_Sequence": str(at), **headers}
        if at == last and end == "1":
            own["Nats_Batch_Commit"] = "1"
        await party.publish(subject, b"" if "Nats_Incr" in headers else b"%d" % at, **own)
    if end == "eob":
        own = {
            "Nats_Batch_Id": name,
            "Nats_Batch_Sequence": str(last + 1),
            "Nats_Batch_Commit": "eob",
        }
        await party.publish("s.end", b"", **own)


async def dump(party: Party) -> None:
    info = await party.api("STREAM.INFO.S", {"subjects_filter": ">", "deleted_details": True})
    for seq in range(1, info["state"]["last_seq"] + 1):
        await party.api("STREAM.MSG.GET.S", {"seq": seq})


async def test_a_batch_is_stored_when_its_last_message_comes(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        await party.publish("s.before", b"0")
        await batch(party, "one", ("s.a", {}), ("s.b", {"Own": "h"}), ("s.a", {}))
        await batch(party, "two", ("s.a", {}), ("s.c", {}), end="eob")
        await batch(party, "three", ("s.single", {}))
        await dump(party)

    await same(steps)


async def test_what_is_no_batch_is_refused_alike(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        await party.api("STREAM.CREATE.T", {"name": "T", "subjects": ["t"]})
        await party.publish("t", b"x", Nats_Batch_Id="a", Nats_Batch_Sequence="1")
        for number in ("", "0", "2", "x", "-1", "1001", "1002"):
            await party.publish("s.a", b"x", Nats_Batch_Id="a", Nats_Batch_Sequence=number)
        await party.publish("s.a", b"x", Nats_Batch_Id="a")
        await party.publish("s.a", b"x", Nats_Batch_Id="x" * 65, Nats_Batch_Sequence="1")
        for commit in ("2", "x", "EOB", "eob"):
            own = {"Nats_Batch_Id": "b", "Nats_Batch_Sequence": "1", "Nats_Batch_Commit": commit}
            await party.publish("s.a", b"x", **own)
        await party.publish("s.a", b"x", Nats_Batch_Id="c", Nats_Batch_Sequence="1")
        await party.publish("s.a", b"x", Nats_Batch_Id="c", Nats_Batch_Sequence="3")
        await party.publish("s.a", b"x", Nats_Batch_Id="c", Nats_Batch_Sequence="2")
        level = {"Nats_Batch_Id": "d", "Nats_Batch_Sequence": "1", "Nats_Batch_Commit": "1"}
        await party.publish("s.a", b"x", Nats_Required_Api_Level="99", **level)
        await party.publish("s.a", b"x", Nats_Required_Api_Level="2", **level)
        await dump(party)

    await same(steps)


async def test_the_checks_of_a_batch_see_what_stands_before_in_it(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_rollup_hdrs=True, allow_msg_ttl=True)
        await party.publish("s.a", b"0", Nats_Msg_Id="known")
        last, subject = "Nats_Expected_Last_Sequence", "Nats_Expected_Last_Subject_Sequence"
        of = "Nats_Expected_Last_Subject_Sequence_Subject"
        for at, messages in enumerate((
            (("s.a", {last: "1"}), ("s.b", {})),
            (("s.a", {last: "7"}), ("s.b", {})),
            (("s.a", {}), ("s.b", {last: "4"})),
            (("s.a", {}), ("s.b", {last: "9"})),
            (("s.n", {subject: "0"}), ("s.m", {subject: "0"})),
            (("s.n", {}), ("s.n", {subject: "0"})),
            (("s.p", {subject: "0", of: "s.p.x"}), ("s.p", {subject: "0", of: "s.p.x"})),
            (("s.p", {of: "s.p.x"}), ("s.p", {})),
            (("s.a", {"Nats_Expected_Last_Msg_Id": "known"}), ("s.b", {})),
            (("s.a", {"Nats_Expected_Stream": "T"}), ("s.b", {})),
            (("s.a", {"Nats_Msg_Id": "x"}), ("s.b", {"Nats_Msg_Id": "x"})),
            (("s.a", {"Nats_Msg_Id": "y"}), ("s.b", {"Nats_Msg_Id": "known"})),
            (("s.a", {"Nats_Msg_Id": "y"}), ("s.b", {"Nats_Msg_Id": "z"})),
            (("s.a", {"Nats_Rollup": "sub"}), ("s.b", {})),
            (("s.a", {}), ("s.a", {"Nats_Rollup": "sub"})),
            (("s.c", {}), ("s.a", {"Nats_Rollup": "sub"})),
            (("s.a", {}), ("s.b", {"Nats_Rollup": "all"})),
            (("s.a", {"Nats_Rollup": "x"}), ("s.b", {})),
            (("s.a", {"Nats_TTL": "1h"}), ("s.b", {"Nats_TTL": "x"})),
            (("s.a", {"Nats_TTL": "1h"}), ("s.b", {"Nats_TTL": "never"})),
            (("s.a", {"Nats_Incr": "1"}), ("s.b", {})),
            (("s.a", {"Nats_Stream_Source": "x"}), ("s.b", {})),
            (("s.a", {"Nats_Rollup": "all"}), ("s.b", {})),
        )):  # fmt: skip
            party.transcript.append(messages)
            await batch(party, f"b{at}", *messages)
        await dump(party)

    await same(steps)


async def test_a_batch_counts(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_msg_counter=True)
        await party.publish("s.a", Nats_Incr="10")
        await batch(
            party,
            "a",
            ("s.a", {"Nats_Incr": "1"}),
            ("s.b", {"Nats_Incr": "2"}),
            ("s.a", {"Nats_Incr": "3"}),
        )
        await batch(party, "b", ("s.a", {"Nats_Incr": "1"}), ("s.b", {}))
        await dump(party)

    await same(steps)


async def test_a_batch_that_would_not_fit_is_not_stored_at_all(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(
            party, discard="new", max_msgs=4, max_msgs_per_subject=2, discard_new_per_subject=True
        )
        await batch(party, "a", ("s.a", {}), ("s.b", {}), ("s.a", {}))
        await batch(party, "b", ("s.c", {}), ("s.d", {}))
        await batch(party, "c", ("s.a", {}))
        await batch(party, "d", ("s.c", {}))
        await dump(party)

    await same(steps)


async def test_open_batches_are_limited_and_given_up(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        sub = await party.client.subscribe("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.S")
        for at in range(51):
            await party.publish("s.a", b"x", Nats_Batch_Id=f"b{at}", Nats_Batch_Sequence="1")
        await party.publish("s.a", b"x", Nats_Batch_Id="b7", Nats_Batch_Sequence="3")
        message = await sub.next_msg(5)
        party.transcript.append((message.subject, sorted(json.loads(message.data))))
        await party.publish(
            "s.a", b"x", Nats_Batch_Id="b50", Nats_Batch_Sequence="1", Nats_Batch_Commit="1"
        )

    await same(steps)


async def test_a_batch_may_have_a_thousand_messages_and_no_more(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        for name, size in (("fits", 1000), ("large", 1001)):
            for at in range(1, size):
                headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(at)}
                await party.client.publish("s.a", b"x", headers=headers)
            end = {
                "Nats_Batch_Id": name,
                "Nats_Batch_Sequence": str(size),
                "Nats_Batch_Commit": "1",
            }
            await party.publish("s.a", b"x", **end)
        await party.api("STREAM.INFO.S")

    await same(steps)
