"""Single messages and direct gets, on our broker and on nats-server: the same answers."""

import nats

from tests.broker.jetstream.conftest import Same
from tests.support.servers import Server
from tests.support.twins import Party


async def filled(party: Party, **config: object) -> None:
    await party.api(
        "STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "allow_direct": True, **config}
    )
    for at in range(1, 11):
        await party.publish(f"s.{at % 3}.x", b"%d" % at, **({"Own": f"h{at}"} if at % 2 else {}))
    await party.api("STREAM.MSG.DELETE.S", {"seq": 4})


GETS = [
    "", "{}", " { } ", "nope", "[1]", {"bogus": 1}, {"seq": 0}, {"seq": 3}, {"seq": 4}, {"seq": 99}, {"seq": 2},
    {"seq": 3, "no_hdr": True}, {"seq": -1}, {"last_by_subj": "s.1.x"}, {"last_by_subj": "s.*.x"},
    {"last_by_subj": ">"},
    {"last_by_subj": "none"}, {"next_by_subj": "s.1.x"}, {"next_by_subj": "s.1.x", "seq": 2},
    {"next_by_subj": ">", "seq": 4},
    {"next_by_subj": "s.*.x", "seq": 10}, {"next_by_subj": "s.*.x", "seq": 11}, {"next_by_subj": "none"},
    {"seq": 3, "last_by_subj": "s.1.x"}, {"seq": 3, "start_time": "2024-01-01T00:00:00Z"},
    {"last_by_subj": "s.1.x", "next_by_subj": "s.1.x"},
    {"last_by_subj": "s.1.x", "start_time": "2024-01-01T00:00:00Z"},
    {"start_time": "2024-01-01T00:00:00Z"}, {"start_time": "2084-01-01T00:00:00Z"}, {"start_time": "x"},
    {"next_by_subj": "s.2.x", "start_time": "2024-01-01T00:00:00Z"}, {"batch": 3, "seq": 1},
    {"max_bytes": 3, "seq": 1},
    {"no_hdr": True},
]  # fmt: skip


async def test_messages_are_got_as_nats_server_gets_them(same: Same) -> None:
    async def steps(party: Party) -> None:
        await filled(party)
        for body in GETS:
            await party.api("STREAM.MSG.GET.S", body)
        await party.api("STREAM.MSG.GET.NONE", {"seq": 1})

    await same(steps)


async def test_messages_are_deleted_as_nats_server_deletes_them(same: Same) -> None:
    async def steps(party: Party) -> None:
        await filled(party)
        for body in (
            "",
            "{}",
            "x",
            {"seq": 0},
            {"seq": 99},
            {"seq": 4},
            {"seq": 5},
            {"seq": 6, "no_erase": True},
            {"seq": 1},
        ):
            await party.api("STREAM.MSG.DELETE.S", body)
        await party.api("STREAM.INFO.S", {"deleted_details": True})
        await party.api("STREAM.MSG.DELETE.NONE", {"seq": 1})
        await party.api("STREAM.CREATE.D", {"name": "D", "subjects": ["d"], "deny_delete": True})
        await party.publish("d", b"1")
        await party.api("STREAM.MSG.DELETE.D", {"seq": 1})
        await party.api("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"], "sealed": True})
        await party.api("STREAM.MSG.DELETE.S", {"seq": 2})

    await same(steps)


DIRECT = [
    *(body for body in GETS if body != {"seq": 0}),
    {"batch": 3}, {"batch": 3, "seq": 1}, {"batch": 3, "seq": 3}, {"batch": 99, "seq": 1}, {"batch": 1, "seq": 1},
    {"batch": 3, "seq": 99}, {"batch": 3, "seq": 3, "no_hdr": True}, {"batch": 5, "next_by_subj": "s.1.x"},
    {"batch": 2, "next_by_subj": "s.*.x", "seq": 3}, {"batch": 9, "seq": 1, "max_bytes": 12},
    {"batch": -1, "seq": 2},
    {"batch": 3, "last_by_subj": "s.1.x"}, {"batch": 3, "start_time": "2024-01-01T00:00:00Z"},
    {"batch": 3, "next_by_subj": "none"},
    {"batch": 9, "next_by_subj": "s.1.x", "start_time": "2024-01-01T00:00:00Z"},
    {"multi_last": ["s.1.x", "s.2.x"]}, {"multi_last": ["s.>"]}, {"multi_last": ["s.>", "s.1.*"]},
    {"multi_last": ["none"]},
    {"multi_last": ["s.>"], "up_to_seq": 5}, {"multi_last": ["s.>"], "up_to_seq": 5, "seq": 4},
    {"multi_last": ["s.>"], "batch": 2},
    {"multi_last": ["s.>"], "up_to_time": "2024-01-01T00:00:00Z"},
    {"multi_last": ["s.>"], "up_to_time": "2084-01-01T00:00:00Z"},
    {"multi_last": ["s.>"], "max_bytes": 8}, {"multi_last": ["s.>"], "no_hdr": True},
    {"multi_last": ["s.>"], "last_by_subj": "x"},
    {"multi_last": ["s.>"], "next_by_subj": "x"},
    {"multi_last": ["s.>"], "up_to_seq": 3, "up_to_time": "2024-01-01T00:00:00Z"},
    {"multi_last": []},
]  # fmt: skip


async def test_direct_gets_are_answered_as_nats_server_answers_them(same: Same) -> None:
    async def steps(party: Party) -> None:
        await filled(party)
        for body in DIRECT:
            party.transcript.append(body)
            await party.ask("$JS.API.DIRECT.GET.S", body)
        for headers in ({"Nats-Required-Api-Level": "99"}, {"Nats-Required-Api-Level": "1"}):
            await party.ask("$JS.API.DIRECT.GET.S", {"seq": 1}, headers)

    await same(steps)


async def test_direct_gets_by_subject_are_answered_as_nats_server_answers_them(same: Same) -> None:
    async def steps(party: Party) -> None:
        await filled(party)
        for subject in ("s.1.x", "s.9", "none", "s.*.x"):
            await party.ask(f"$JS.API.DIRECT.GET.S.{subject}")
        for body in (
            {"no_hdr": True},
            {"seq": 1},
            {"multi_last": ["x"]},
            {"last_by_subj": "x"},
            "{",
            "{}",
        ):
            await party.ask("$JS.API.DIRECT.GET.S.s.1.x", body)
        await party.ask("$JS.API.DIRECT.GET.NONE", {"seq": 1})
        await party.api("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"]})
        await party.ask("$JS.API.DIRECT.GET.S", {"seq": 1})
        await party.ask("$JS.API.DIRECT.GET.S.s.1.x")

    await same(steps)


async def test_more_subjects_than_one_answer_takes_are_too_many(same: Same) -> None:
    async def steps(party: Party) -> None:
        await party.api("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "allow_direct": True})
        for at in range(1024):
            await party.client.publish(f"s.{at}", b"")
        await party.publish("s.0")
        answers = await party.ask("$JS.API.DIRECT.GET.S", {"multi_last": ["s.>"]})
        assert len(answers) == 1025
        await party.publish("s.more")
        await party.ask("$JS.API.DIRECT.GET.S", {"multi_last": ["s.>"]})

    await same(steps)


async def test_what_was_just_published_is_got_even_without_waiting_for_its_acknowledgement(
    both_servers: tuple[Server, Server],
) -> None:
    client = await nats.connect(both_servers[0].url)
    party = Party(client)
    try:
        await party.api("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "allow_direct": True})
        for at in range(20):
            await client.publish("s.a", b"%d" % at)
            assert (await party.ask("$JS.API.DIRECT.GET.S.s.a"))[0]["data"] == str(at)
            await client.publish("s.b", b"%d" % at)
            answers = await party.ask("$JS.API.DIRECT.GET.S", {"batch": 99, "seq": at * 2 + 1})
            assert [answer["data"] for answer in answers] == [str(at), str(at), ""]
    finally:
        await party.api("STREAM.DELETE.S")
        await client.close()
