"""What a stream, an account and the server let in: age, use, counts, and JetStream turned off and on."""

from typing import Any

from broker.core.account import JetStreamTerms
from broker.jetstream.engine import JetStreamOptions
from tests.broker.jetstream.world import World

HOUR_NS = 3600 * 10**9


def refusal(answer: Any) -> int:
    code: int = answer["error"]["err_code"]
    return code


def test_messages_go_when_they_are_too_old_also_while_the_server_was_away() -> None:
    world = World()
    world.create("S", max_age=HOUR_NS)
    world.publish("S")
    world.advance(1800)
    world.publish("S")
    world.advance(1799)
    assert world.state("S")["messages"] == 2
    world.advance(2)
    assert world.state("S")["messages"] == 1
    world.now_ns += HOUR_NS
    after = world.restart()
    after.advance(1)
    assert after.state("S")["messages"] == 0
    assert after.publish("S")["seq"] == 3


def test_a_shorter_age_holds_at_once() -> None:
    world = World()
    config = world.create("S")["config"]
    world.publish("S")
    world.advance(60)
    world.api("STREAM.UPDATE.S", config | {"max_age": 30 * 10**9, "duplicate_window": 10**9})
    world.advance(0.1)
    assert world.state("S")["messages"] == 0


def test_ids_are_forgotten_after_the_window() -> None:
    world = World()
    world.create("S", duplicate_window=10 * 10**9)
    world.publish("S", Msg_Id="1")
    world.advance(9)
    assert world.publish("S", Msg_Id="1")["duplicate"]
    world.advance(1)
    assert world.publish("S", Msg_Id="1") == {"stream": "S", "seq": 2}


def test_an_account_takes_no_more_bytes_than_it_may() -> None:
    world = World(terms=JetStreamTerms(memory=1000, store=1000))
    for storage in ("file", "memory"):
        world.create(storage, subjects=[storage], storage=storage)
        assert world.publish(storage, bytes(400))["seq"] == 1
        assert world.publish(storage, bytes(400))["seq"] == 2
        assert refusal(world.publish(storage, bytes(400))) == 10002
        world.api(f"STREAM.PURGE.{storage}", {"keep": 1})
        assert world.publish(storage, bytes(400))["seq"] == 3
    use = world.api("INFO")
    assert use["storage"] == world.state("file")["bytes"]
    assert use["memory"] == world.state("memory")["bytes"]
    world.api("STREAM.DELETE.file")
    assert world.api("INFO")["storage"] == 0 == world.engine.store_bytes


def test_publishes_of_one_turn_count_together() -> None:
    world = World(terms=JetStreamTerms(store=1000))
    world.create("S")
    replies = [world.send("S", bytes(350)) for _ in range(5)]
    world.settle()
    assert ["error" in world.answer(reply) for reply in replies] == [False, False] + [True] * 3


def test_an_account_has_no_more_streams_and_reserves_no_more_than_it_may() -> None:
    world = World(terms=JetStreamTerms(store=1000, streams=2))
    assert world.create("A", max_bytes=600)["did_create"]
    assert refusal(world.create("B", max_bytes=600)) == 10047
    assert world.create("B", max_bytes=400)["did_create"]
    assert refusal(world.create("C")) == 10027
    assert world.api("INFO")["reserved_storage"] == 1000


def test_terms_of_the_account_bind_configurations() -> None:
    terms = JetStreamTerms(store_max_stream_bytes=500, max_bytes_required=True, consumers=3)
    world = World(terms=terms)
    assert refusal(world.create("A")) == 10113
    assert refusal(world.create("A", max_bytes=501)) == 10122
    assert refusal(world.create("A", max_bytes=500, max_consumers=4)) == 10026
    assert world.create("A", max_bytes=500)["did_create"]


def test_the_server_takes_no_more_than_it_has_room_for() -> None:
    world = World(options=JetStreamOptions(max_store=1000))
    assert refusal(world.create("A", max_bytes=1001)) == 10047
    world.create("A")
    assert world.publish("A", bytes(990))["seq"] == 1
    assert refusal(world.publish("A")) == 10023


def test_tiers_of_which_one_applies_are_shown_apart() -> None:
    world = World()
    world.account.jetstream = {"R1": JetStreamTerms(store=1000), "R3": JetStreamTerms(store=9)}
    world.server.account_changed(world.account)
    world.create("A", max_bytes=100)
    info = world.api("INFO")
    assert info["tiers"]["R1"]["limits"]["max_storage"] == 1000
    assert info["tiers"]["R1"]["reserved_storage"] == 100
    assert info["tiers"]["R3"]["streams"] == 0
    world.account.jetstream = {"R3": JetStreamTerms()}
    world.server.account_changed(world.account)
    assert refusal(world.create("B")) == 10120


def test_jetstream_that_is_turned_off_says_so_and_comes_back_with_its_streams() -> None:
    world = World()
    world.create("S")
    world.publish("S")
    terms, world.account.jetstream = world.account.jetstream, None
    world.server.account_changed(world.account)
    world.settle()
    assert refusal(world.api("INFO")) == 10039
    assert world.api("STREAM.INFO.S") is None and world.publish("S") is None
    world.account.jetstream = terms
    world.server.account_changed(world.account)
    assert world.state("S")["messages"] == 1
    assert world.publish("S")["seq"] == 2


def test_an_account_that_is_deleted_takes_its_streams_along() -> None:
    world = World()
    world.create("S")
    world.publish("S")
    world.server.remove_account("A", deleted=True)
    world.settle()
    assert not any("/messages/" in name for name in world.disk._names)
    assert world.engine.store_bytes == 0


def test_an_account_that_is_only_gone_keeps_them() -> None:
    world = World()
    world.create("S")
    world.server.remove_account("A")
    world.settle()
    assert world.restart().api("STREAM.NAMES")["streams"] == ["S"]


def test_requests_beyond_the_queue_are_dropped_and_counted() -> None:
    world = World(options=JetStreamOptions(request_queue_limit=3))
    world.create("S")
    for _ in range(5):
        world.send("$JS.API.STREAM.PURGE.S")
    assert world.engine.api_dropped == 2
    world.settle()
    assert world.api("STREAM.INFO.S")["state"]


def test_an_account_that_comes_after_the_start_finds_its_streams() -> None:
    world = World()
    world.create("S")
    world.publish("S")
    after = world.restart(account=False)
    after.settle()
    assert "A" not in after.engine.accounts
    after.add_account()
    assert after.state("S")["messages"] == 1


def test_an_account_that_was_deleted_while_nobody_ran_loses_its_streams_at_the_start() -> None:
    world = World()
    world.create("S")
    after = world.restart(account=False, deleted=True)
    assert not [name for name in after.disk._names if "/streams/" in name]


def test_an_account_that_nobody_used_since_the_start_is_deleted_all_the_same() -> None:
    world = World()
    world.create("S")
    after = world.restart(account=False)
    after.server.account_gone("A", deleted=True)
    after.settle()
    assert not [name for name in after.disk._names if "/streams/" in name]
