"""Consumers over time: restarts, waits, inactivity, pace, retention; on a clock and a disk that the test moves."""

import json
from typing import Any

from broker.core.message import Message
from tests.broker.jetstream.world import World

_SECOND = 1_000_000_000


class Inbox:
    """Whatever comes to one subject; ``seqs`` of the delivered messages."""

    def __init__(self, world: World, subject: str) -> None:
        self.subject = subject.encode()
        self.messages: list[Message] = []
        self.sub = world.account.subscribe(self.subject, self.messages.append)

    @property
    def delivered(self) -> list[Message]:
        return [message for message in self.messages if message.reply.startswith(b"$JS.ACK.")]

    @property
    def seqs(self) -> list[int]:
        return [int(message.reply.split(b".")[5]) for message in self.delivered]

    @property
    def statuses(self) -> list[bytes]:
        return [m.header.split(b"\r\n")[0] for m in self.messages if not m.payload and m.header]


def consumer(world: World, name: str = "C", stream: str = "S", **config: Any) -> Any:
    config = {"durable_name": name, "ack_policy": "explicit", **config}
    if config["durable_name"] is None:
        del config["durable_name"]
        config["name"] = name
    body = {"stream_name": stream, "config": config}
    answer = world.api(f"CONSUMER.CREATE.{stream}.{name}", body)
    assert "error" not in answer, answer
    return answer


def pull(world: World, inbox: Inbox, name: str = "C", stream: str = "S", **fields: Any) -> None:
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}".encode()
    body = json.dumps({"batch": 1, **fields}).encode()
    world.account.publish(subject, body, inbox.subject)
    world.settle()


def ack(world: World, message: Message, word: bytes = b"+ACK") -> None:
    reply = world.send(message.reply.decode(), word)
    world.settle()
    assert reply in world.answers


def info(world: World, name: str = "C", stream: str = "S") -> Any:
    return world.api(f"CONSUMER.INFO.{stream}.{name}")


def published(world: World, count: int, **config: Any) -> None:
    world.create("S", subjects=["s.>"], **config)
    for number in range(count):
        world.publish(f"s.{number % 3}", b"%d" % number)


def test_a_restart_keeps_what_was_delivered_acknowledged_and_counted() -> None:
    world = World()
    published(world, 6)
    consumer(world, max_deliver=5)
    inbox = Inbox(world, "in")
    pull(world, inbox, batch=4)
    ack(world, inbox.delivered[1])
    ack(world, inbox.delivered[0])
    before = info(world)
    after = world.restart()
    found = info(after)
    for key in ("created", "config", "ack_floor", "num_ack_pending", "num_pending"):
        seen = (
            found[key]
            if key != "ack_floor"
            else {k: found[key][k] for k in ("consumer_seq", "stream_seq")}
        )
        wanted = before[key] if key != "ack_floor" else {k: before[key][k] for k in seen}
        assert seen == wanted
    inbox = Inbox(after, "in")
    after.advance(31)
    pull(after, inbox, batch=10, no_wait=True)
    assert inbox.seqs == [3, 4, 5, 6]
    assert [message.reply.split(b".")[4] for message in inbox.delivered] == [b"2", b"2", b"1", b"1"]


def test_a_consumer_that_began_with_the_last_of_each_subject_goes_on_with_them_after_a_restart() -> (
    None
):
    world = World()
    published(world, 9)
    consumer(world, deliver_policy="last_per_subject", filter_subject="s.>")
    inbox = Inbox(world, "in")
    pull(world, inbox)
    assert inbox.seqs == [7] and info(world)["num_pending"] == 2
    after = world.restart()
    after.publish("s.0")
    assert info(after)["num_pending"] == 3
    inbox = Inbox(after, "in")
    pull(after, inbox, batch=10, no_wait=True)
    assert inbox.seqs == [8, 9, 10]


def test_one_in_memory_is_gone_after_a_restart_and_a_deleted_one_stays_away() -> None:
    world = World()
    published(world, 1)
    consumer(world, "M", mem_storage=True)
    consumer(world, "D")
    consumer(world, "K")
    world.api("CONSUMER.DELETE.S.D")
    after = world.crash()
    assert after.api("CONSUMER.NAMES.S")["consumers"] == ["K"]


def test_what_is_not_acknowledged_in_time_comes_again_until_it_has_come_often_enough() -> None:
    world = World()
    published(world, 1)
    consumer(world, max_deliver=2, ack_wait=5 * _SECOND)
    events = Inbox(world, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C")
    inbox = Inbox(world, "in")
    pull(world, inbox)
    pull(world, inbox, expires=60 * _SECOND)
    world.advance(4.9)
    assert inbox.seqs == [1]
    world.advance(0.2)
    assert inbox.seqs == [1, 1] and info(world)["num_redelivered"] == 1
    world.advance(5.2)
    assert info(world)["num_ack_pending"] == 0
    assert json.loads(events.messages[0].payload)["deliveries"] == 2
    after = world.restart()
    assert info(after)["num_redelivered"] == 1, "it is still known as given up"


def test_waits_grow_as_the_backoff_says_and_a_word_in_progress_begins_them_anew() -> None:
    world = World()
    published(world, 1)
    consumer(world, max_deliver=4, backoff=[_SECOND, 3 * _SECOND])
    inbox = Inbox(world, "in")
    pull(world, inbox)
    for waited, times in ((0.9, 1), (0.2, 2), (2.8, 2), (0.3, 3)):
        pull(world, inbox, expires=60 * _SECOND)
        world.advance(waited)
        assert len(inbox.seqs) == times
    world.advance(2)
    ack(world, inbox.delivered[-1], b"+WPI")
    world.advance(2)
    assert len(inbox.seqs) == 3
    world.advance(1.1)
    assert len(inbox.seqs) == 4


def test_inactive_consumers_go_and_those_in_use_stay() -> None:
    world = World()
    published(world, 1)
    consumer(world, "E", durable_name=None)
    consumer(world, "T", inactive_threshold=20 * _SECOND)
    consumer(world, "D")
    consumer(world, "W", durable_name=None)
    consumer(world, "P", durable_name=None, deliver_subject="push", ack_policy="none")
    listening, waiting = Inbox(world, "push"), Inbox(world, "in")
    pull(world, waiting, "W", batch=5, expires=60 * _SECOND)
    world.advance(8)
    assert world.api("CONSUMER.NAMES.S")["consumers"] == ["D", "P", "T", "W"]
    world.account.unsubscribe(listening.sub)
    world.advance(15)
    assert world.api("CONSUMER.NAMES.S")["consumers"] == ["D", "W"]


def test_a_push_consumer_waits_for_interest_and_keeps_to_its_rate() -> None:
    world = World()
    world.create("S", subjects=["s"], max_msg_size=1000)
    for _ in range(5):
        world.publish("s", b"x" * 900)
    consumer(world, deliver_subject="push", rate_limit_bps=8000, ack_policy="none")
    inbox = Inbox(world, "push")
    world.settle()
    assert inbox.seqs == [1]
    world.advance(2)
    assert 2 <= len(inbox.seqs) <= 3
    world.advance(4)
    assert inbox.seqs == [1, 2, 3, 4, 5]


def test_an_original_replay_keeps_the_distances() -> None:
    world = World()
    world.create("S", subjects=["s"])
    for pause in (0, 2, 3):
        world.advance(pause)
        world.publish("s")
    consumer(world, deliver_subject="push", replay_policy="original", ack_policy="none")
    inbox = Inbox(world, "push")
    world.settle()
    for waited, count in ((1.9, 1), (0.2, 2), (2.7, 2), (0.3, 3)):
        world.advance(waited)
        assert len(inbox.seqs) == count
    world.publish("s")
    world.settle()
    assert len(inbox.seqs) == 4, "what is new isn't replayed"


def test_a_pause_holds_messages_back_also_over_a_restart_and_ends_by_itself() -> None:
    world = World()
    published(world, 1)
    consumer(world)
    until = "2027-01-15T08:00:30Z"  # World begins at 08:00:00
    assert world.api("CONSUMER.PAUSE.S.C", {"pause_until": until})["paused"]
    after = world.restart()
    inbox = Inbox(after, "in")
    pull(after, inbox, expires=60 * _SECOND)
    after.advance(20)
    assert not inbox.seqs
    after.advance(15)
    assert inbox.seqs == [1]


def test_interest_and_work_queues_keep_a_message_as_long_as_somebody_needs_it() -> None:
    world = World()
    published(world, 0, retention="interest")
    consumer(world, "A")
    consumer(world, "B", filter_subject="s.1")
    for subject in ("s.1", "s.2"):
        world.publish(subject)
    inbox = Inbox(world, "in")
    pull(world, inbox, "A", batch=2)
    for message in list(inbox.delivered):
        ack(world, message)
    assert set(world.messages("S")) == {1}
    after = world.restart()
    assert set(after.messages("S")) == {1}
    after.api("CONSUMER.DELETE.S.B")
    after.settle()
    assert not after.messages("S")


def test_an_error_of_the_disk_confirms_nothing() -> None:
    world = World()
    published(world, 1)
    consumer(world)
    inbox = Inbox(world, "in")
    pull(world, inbox)
    world.disk.fail_with(28)
    reply = world.send(inbox.delivered[0].reply.decode(), b"+ACK")
    world.settle()
    assert reply not in world.answers


def test_a_confirmation_waits_for_the_disk_and_many_share_one_flush() -> None:
    world = World()
    published(world, 9)
    consumer(world)
    inbox = Inbox(world, "in")
    pull(world, inbox, batch=9)
    world.advance(1)
    replies = [world.send(message.reply.decode(), b"+ACK") for message in inbox.delivered]
    world.turn()
    assert len(world.jobs) == 1 and not set(replies) & set(world.answers)
    world.work()
    assert set(replies) <= set(world.answers) and not world.jobs


def test_whoever_waits_is_told_of_the_shutdown() -> None:
    world = World()
    published(world, 0)
    consumer(world)
    inbox = Inbox(world, "in")
    pull(world, inbox, batch=3, expires=60 * _SECOND)
    world.engine.stop()
    assert inbox.statuses == [b"NATS/1.0 409 Server Shutdown"]
    assert b"Nats-Pending-Messages: 3" in inbox.messages[0].header


def test_info_counts_what_was_published_before_it_was_asked_for() -> None:
    """The publish is staged when the question comes; nothing was committed in between."""
    world = World()
    published(world, 1)
    consumer(world)
    world.send("s.0", b"more")
    reply = world.send("$JS.API.CONSUMER.INFO.S.C")
    listed = world.send("$JS.API.CONSUMER.LIST.S")
    world.settle()
    assert world.answer(reply)["num_pending"] == 2
    assert world.answer(listed)["consumers"][0]["num_pending"] == 2
