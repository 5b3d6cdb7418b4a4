"""What happens to a message on its way in and afterwards, on our broker and on nats-server: the same."""

from tests.broker.jetstream.conftest import Same
from tests.support.twins import Party

S = 1_000_000_000


async def stream(party: Party, **config: object) -> None:
    await party.api(
        "STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "allow_direct": True, **config}
    )


async def last(party: Party, subject: str) -> None:
    await party.api("STREAM.MSG.GET.S", {"last_by_subj": subject})


async def test_a_time_to_live_is_judged_alike(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_msg_ttl=True)
        await party.api("STREAM.CREATE.T", {"name": "T", "subjects": ["t"]})
        for value in (
            "5",
            "0",
            "1m",
            "500ms",
            "never",
            "NEVER",
            "x",
            "-3",
            "1.5s",
            "2h45m",
            "1e3",
            "",
        ):
            party.transcript.append(value)
            await party.publish("s.a", b"x", Nats_TTL=value)
            await last(party, "s.a")
            await party.publish("t", b"x", Nats_TTL=value)

    await same(steps)


async def test_messages_expire_by_their_own_time(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_msg_ttl=True)
        for at, value in enumerate(("1", "never", "1s", "1h")):
            await party.publish(f"s.{at}", b"x", Nats_TTL=value)
        await party.gone("S", 2)
        await party.api("STREAM.INFO.S", {"subjects_filter": ">", "deleted_details": True})

    await same(steps)


async def test_never_outlives_the_maximum_age(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_msg_ttl=True, max_age=S)
        await party.publish("s.a", b"x", Nats_TTL="never")
        await party.publish("s.b", b"x")
        await party.publish("s.c", b"x", Nats_TTL="1h")
        await party.gone("S", 1)
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


async def test_markers_take_the_place_of_the_last_message_of_a_subject(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, subject_delete_marker_ttl=5 * S, max_age=2 * S)
        for subject in ("s.a", "s.b", "s.a"):
            await party.publish(subject, b"x")
        await party.publish("s.c", b"x", Nats_TTL="1s")
        await party.publish("s.d", b"", KV_Operation="PURGE")
        await party.sequence("S", 8)
        for subject in ("s.a", "s.b", "s.c", "s.d"):
            await last(party, subject)
        await party.gone("S", 0)
        await party.api("STREAM.INFO.S")

    await same(steps)


async def test_purges_and_deletions_leave_no_markers(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, subject_delete_marker_ttl=5 * S)
        await party.publish("s.a", b"x")
        await party.publish("s.b", b"x")
        await party.api("STREAM.MSG.DELETE.S", {"seq": 1})
        await party.api("STREAM.PURGE.S", {"filter": "s.b"})
        await party.api("STREAM.INFO.S")

    await same(steps)


async def test_a_short_life_is_raised_to_the_marker_s(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, subject_delete_marker_ttl=60 * S)
        await party.publish("s.a", b"x", Nats_TTL="2s", Own="1")
        await last(party, "s.a")
        await party.publish("s.a", b"x", Nats_TTL="2m", Own="1")
        await last(party, "s.a")

    await same(steps)


async def test_subjects_are_transformed_on_the_way_in(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(
            party,
            subject_transform={"src": "s.*.x", "dest": "to.{{wildcard(1)}}.{{partition(5,1)}}"},
        )
        await party.publish("s.1.x", b"1")
        await party.publish("s.2.y", b"2", Own="h")
        await party.publish("s.3.x", b"3", Nats_Expected_Last_Subject_Sequence="0")
        await party.publish("s.3.x", b"3", Nats_Expected_Last_Subject_Sequence="3")
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})
        await party.api("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"]})
        await party.publish("s.1.x", b"1")
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


async def test_messages_are_republished_with_what_the_stream_knows(same: Same) -> None:
    async def steps(party: Party) -> None:
        sub = await party.client.subscribe("again.>")
        await stream(
            party,
            republish={"src": "s.*.x", "dest": "again.{{wildcard(1)}}"},
            max_msgs_per_subject=1,
        )
        await party.publish("s.1.x", b"1")
        await party.publish("s.1.x", b"2", Own="h")
        await party.publish("s.1.y", b"3")
        await party.publish("s.2.x", b"4")
        await party.api(
            "STREAM.UPDATE.S",
            {
                "name": "S",
                "subjects": ["s.>"],
                "republish": {"src": ">", "dest": "again.>", "headers_only": True},
            },
        )
        await party.publish("s.1.x", b"12345")
        await party.publish("s.1.y", b"12345", Own="h")
        await party.heard(sub, 5)
        await party.api("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"]})
        await party.publish("s.1.x", b"6")
        await party.client.publish("again.end", b"end")
        await party.heard(sub, 1)

    await same(steps)


async def test_counters_count_as_nats_server_s_do(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_msg_counter=True)
        await party.api("STREAM.CREATE.T", {"name": "T", "subjects": ["t"]})
        await party.publish("t", Nats_Incr="1")
        for value in (
            "1",
            "+5",
            "-10",
            "0",
            "99999999999999999999999999",
            "x",
            "1.5",
            "+-1",
            "1_0",
            "",
            " 7",
        ):
            party.transcript.append(value)
            await party.publish("s.a", Nats_Incr=value)
            await last(party, "s.a")
        await party.publish("s.a", b"x", Nats_Incr="1")
        await party.publish("s.a", b"x")
        await party.publish("s.a")
        await party.publish("s.a", Own="h")
        for name in ("Nats_Rollup", "Nats_Expected_Stream", "Nats_Expected_Last_Sequence"):
            await party.publish("s.a", Nats_Incr="1", **{name: "1"})
        await party.publish("s.b", Nats_Incr="3", Nats_Msg_Id="i", Own="h")
        await party.publish("s.b", Nats_Incr="3", Nats_Msg_Id="i")
        await last(party, "s.b")

    await same(steps)


async def test_only_the_server_says_where_a_message_came_from(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        await party.publish("s.a", b"x", Nats_Stream_Source="A 1 > > s.a")

    await same(steps)


async def test_a_gap_of_any_size_costs_nothing(same: Same) -> None:
    async def steps(party: Party) -> None:
        again = {"src": ">", "dest": "again.>"}
        await stream(
            party,
            first_seq=10**15,
            allow_msg_ttl=True,
            allow_msg_schedules=True,
            republish=again,
            allow_atomic=True,
        )
        await party.api(
            "STREAM.CREATE.M",
            {"name": "M", "mirror": {"name": "S"}, "allow_msg_ttl": True, "republish": again},
        )
        party.transcript.pop()  # how far the copy has come then
        sub = await party.client.subscribe("again.>")
        await party.publish("s.a", b"x", Nats_TTL="1h")
        await party.sequence("M", 10**15)
        await party.heard(sub, 2)
        await party.api(
            "STREAM.DELETE.M"
        )  # a mirror may answer for its origin, whichever comes first
        await party.ask("$JS.API.DIRECT.GET.S", {"seq": 1, "batch": 5})

    await same(steps)
