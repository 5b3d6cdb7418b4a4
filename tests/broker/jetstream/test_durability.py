"""When a publish is acknowledged, and what is there after the end, a crash and an error of the disk."""

import errno
import json
from typing import Any

import pytest

from broker.core.account import JetStreamTerms
from broker.jetstream.engine import JetStreamOptions
from tests.broker.jetstream.world import World


def test_an_acknowledgement_waits_for_the_disk() -> None:
    world = World()
    world.create("S", subjects=["s.>"])
    reply = world.send("s.1", b"one")
    world.turn()
    assert world.jobs and world.answer(reply) is None
    world.work()
    assert world.answer(reply) == {"stream": "S", "seq": 1}


def test_publishes_of_one_turn_share_a_commit_and_the_next_group_gathers_meanwhile() -> None:
    world = World()
    world.create("S", subjects=["s.>"])
    first = [world.send("s.1") for _ in range(5)]
    world.turn()
    second = [world.send("s.1") for _ in range(5)]
    world.turn()
    assert len(world.jobs) == 1
    world.work()
    assert all(world.answer(reply) for reply in first)
    assert not any(world.answer(reply) for reply in second)
    world.settle()
    assert [world.answer(reply)["seq"] for reply in first + second] == list(range(1, 11))


def test_streams_do_not_wait_for_one_another() -> None:
    world = World()
    world.create("A")
    world.create("B")
    world.send("A")
    reply = world.send("B")
    world.turn()
    assert len(world.jobs) == 2
    slow = world.jobs.popleft()
    world.settle()
    assert world.answer(reply) == {"stream": "B", "seq": 1}
    world.jobs.append(slow)
    world.settle()


def test_a_duplicate_of_what_is_not_on_disk_yet_waits_too() -> None:
    world = World()
    world.create("S")
    fields = {"Nats-Msg-Id": "1"}
    original = world.send("S", b"x", fields)
    world.turn()
    repeated = world.send("S", b"x", fields)
    world.turn()
    assert world.answer(original) is None and world.answer(repeated) is None
    world.settle()
    assert world.answer(repeated) == {"stream": "S", "seq": 1, "duplicate": True}


def test_streams_messages_and_ids_are_there_after_a_crash() -> None:
    world = World()
    created = world.create("S", subjects=["s.>"], description="kept", max_msgs_per_subject=2)
    world.create("M", storage="memory")
    world.create("GONE")
    world.api("STREAM.DELETE.GONE")
    for number in range(5):
        world.publish("s.a", b"%d" % number, Msg_Id=str(number))
    world.api("STREAM.UPDATE.S", created["config"] | {"description": "changed"})
    after = world.crash()
    assert after.api("STREAM.NAMES")["streams"] == ["S"]
    assert after.messages("S") == {4: (b"s.a", b"3"), 5: (b"s.a", b"4")}
    info = after.api("STREAM.INFO.S")
    assert info["config"]["description"] == "changed" and info["created"] == created["created"]
    assert after.publish("s.a", Msg_Id="4") == {"stream": "S", "seq": 5, "duplicate": True}
    assert after.publish("s.a", Expected_Last_Msg_Id="4") == {"stream": "S", "seq": 6}


def test_what_was_not_acknowledged_is_taken_at_a_clean_end() -> None:
    world = World()
    world.create("S")
    for _ in range(3):
        world.account.publish(b"S", b"nobody asked")
    assert world.restart().state("S")["messages"] == 3


def test_a_stream_begins_anew_under_the_name_of_one_that_was_deleted() -> None:
    world = World()
    world.create("S")
    world.publish("S", b"old")
    reply = world.send("$JS.API.STREAM.DELETE.S")
    again = world.send("$JS.API.STREAM.CREATE.S", json.dumps({"name": "S"}).encode())
    late = world.send("S", b"new")
    world.settle()
    assert world.answer(reply)["success"] and world.answer(again)["did_create"]
    assert world.answer(late) == {"stream": "S", "seq": 1}
    assert world.crash().messages("S") == {1: (b"S", b"new")}


def refusal(answer: Any) -> tuple[int, int]:
    return answer["error"]["code"], answer["error"]["err_code"]


def test_a_write_error_refuses_what_follows_and_loses_nothing_that_was_acknowledged() -> None:
    world = World()
    world.create("S")
    world.create("OTHER")
    world.publish("S", b"safe")
    world.disk.fail_with(errno.ENOSPC)
    assert refusal(world.publish("S", b"lost")) == (503, 10077)
    assert refusal(world.publish("S", b"refused")) == (503, 10077)
    assert refusal(world.api("STREAM.PURGE.S")) == (500, 10110)
    assert world.publish("OTHER") == {"stream": "OTHER", "seq": 1}
    assert world.crash().messages("S") == {1: (b"S", b"safe")}


def test_a_stream_whose_description_cannot_be_written_is_not_created() -> None:
    world = World()
    world.disk.fail_with(errno.ENOSPC)
    assert refusal(world.create("S")) == (500, 10049)
    assert world.api("STREAM.NAMES")["streams"] is None
    assert world.create("S")["did_create"]


def test_a_damaged_description_is_reported_and_leaves_the_others_alone() -> None:
    world = World()
    world.create("S")
    world.create("T")
    (path,) = (n for n in world.disk._names if "/S." in n and n.endswith("meta.json"))
    world.disk.flip_bit(path, 100)
    after = world.crash()
    assert after.api("STREAM.NAMES")["streams"] == ["T"]
    assert len(after.engine.accounts["A"].unreadable) == 1


def test_a_relaxed_sync_is_made_up_for_after_the_interval_and_at_the_end() -> None:
    options = JetStreamOptions(sync_interval_s=10)
    world = World(options=options)
    world.create("S")
    assert world.publish("S", b"soon on disk")["seq"] == 1
    world.advance(11)
    world.publish("S", b"written only")
    assert {1: (b"S", b"soon on disk")}.items() <= world.crash().messages("S").items()
    assert len(world.restart().crash().messages("S")) == 2


def test_an_account_may_have_a_sync_interval_of_its_own() -> None:
    def kept() -> set[int]:
        return {len(world.crash().messages("S")) for _ in range(20)}

    world = World(terms=JetStreamTerms(sync_interval_s=10))
    world.create("S")
    world.publish("S", b"with the file's head")
    assert world.publish("S", b"soon on disk")["seq"] == 2
    assert kept() == {1, 2}
    world.advance(11)
    assert kept() == {2}
    relaxed = JetStreamOptions(sync_interval_s=10)
    strict = World(options=relaxed, terms=JetStreamTerms(sync_interval_s=0))
    strict.create("S")
    strict.publish("S", b"with the file's head")
    strict.publish("S", b"on disk")
    assert {len(strict.crash().messages("S")) for _ in range(20)} == {2}


def test_a_sync_interval_taken_back_brings_to_disk_what_waits() -> None:
    world = World(terms=JetStreamTerms(sync_interval_s=1000))
    world.create("S")
    world.publish("S", b"with the file's head")
    world.publish("S", b"written only")
    world.account.jetstream = {"": JetStreamTerms()}
    world.engine.account_changed(world.account)
    world.settle()
    assert {len(world.crash().messages("S")) for _ in range(20)} == {2}


def test_publishes_beyond_what_may_wait_for_the_disk_are_refused_for_now() -> None:
    world = World(options=JetStreamOptions(max_buffered_msgs=5, max_buffered_bytes=1000))
    world.create("S")
    replies = [world.send("S") for _ in range(9)]
    large = [world.send("S", bytes(900)) for _ in range(3)]
    assert all(refusal(world.answer(reply)) == (429, 10167) for reply in replies[6:] + large)
    assert world.answers[replies[6]].header == b"NATS/1.0 429 Too Many Requests\r\n\r\n"
    world.settle()
    assert [world.answer(reply)["seq"] for reply in replies[:6]] == [1, 2, 3, 4, 5, 6]
    large = [world.send("S", bytes(900)) for _ in range(3)]
    world.settle()
    assert ["error" in world.answer(reply) for reply in large] == [False, False, True]
    assert world.publish("S")["seq"] == 9


def test_the_domain_is_one_more_way_to_everything() -> None:
    world = World(options=JetStreamOptions(domain="hub"))
    world.create("KV_b", subjects=["$KV.b.>"])
    reply = world.send("$JS.hub.API.STREAM.INFO.KV_b")
    put = world.send("$JS.hub.API.$KV.b.key", b"value")
    world.settle()
    assert world.answer(reply)["domain"] == "hub"
    assert world.answer(put) == {"stream": "KV_b", "domain": "hub", "seq": 1}
    assert world.messages("KV_b") == {1: (b"$KV.b.key", b"value")}


def test_a_stream_that_is_persisted_asynchronously_is_synced_a_second_later() -> None:
    world = World()
    assert world.create("S", persist_mode="async")["config"]["persist_mode"] == "async"
    world.publish("S", b"soon on disk")
    world.advance(2)
    world.publish("S", b"written only")
    assert {1: (b"S", b"soon on disk")}.items() <= world.crash().messages("S").items()
    assert refusal(world.create("M", persist_mode="async", storage="memory")) == (500, 10052)


@pytest.mark.parametrize("storage", ["file", "memory"])
def test_requests_that_a_deletion_overtakes_are_answered(storage: str) -> None:
    world = World()
    world.create("S", storage=storage)
    world.publish("S")
    operations = ("STREAM.INFO.S", "STREAM.PURGE.S", "STREAM.DELETE.S", "STREAM.INFO.S")
    replies = [world.send(f"$JS.API.{operation}") for operation in operations]
    world.settle()
    answers = [world.answer(reply) for reply in replies]
    assert answers[2]["success"] and refusal(answers[3]) == (404, 10059)
    assert all(answers) and world.engine.api_pending == 0
