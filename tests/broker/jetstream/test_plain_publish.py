"""The short way of a publish and of a get beside the long one, and acknowledgements to clients that listen in
different ways."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.account import JetStreamTerms
from broker.jetstream.answers import Answers
from broker.jetstream.engine import JetStreamOptions
from broker.jetstream.plain_publish import message_id
from broker.jetstream.publish import fields_of
from tests.broker.jetstream.world import World
from tests.support.wire import CONNECT, MemoryWire, Wired

CONFIGS: list[dict[str, Any]] = [
    {},
    {"storage": "memory"},
    {"max_msgs_per_subject": 1},
    {"max_msgs_per_subject": 3, "max_msgs": 12},
    {"max_bytes": 600},
    {"max_msgs": 5, "discard": "new"},
    {"max_age": 30 * 10**9, "duplicate_window": 10**9},
    {"max_msg_size": 40},
    {"no_ack": True},
    {"republish": {"src": "s.*", "dest": "answer.{{wildcard(1)}}"}},
    {"subject_transform": {"src": "s.*", "dest": "t.{{wildcard(1)}}"}},
    {"retention": "interest"},
    {"retention": "workqueue"},
]
#: Fields that publishes have, some of which the short way knows.
FIELDS: list[Callable[[random.Random], dict[str, str]]] = [
    lambda rng: {"Nats-Msg-Id": str(rng.randrange(40))},
    lambda rng: {"Trace": "1", "Nats-Msg-Id": f" {rng.randrange(40)}\t", "Other": "nats"},
    lambda rng: {"Trace": "x" * rng.choice((1, 50))},
    lambda rng: {"Nats-Msg-Id": " "},
    lambda rng: {"Nats-Msg-Id": "7", "Nats-Expected-Last-Msg-Id": "6"},
    lambda rng: {"Nats-Expected-Stream": rng.choice("ST")},
    lambda rng: {"Nats-Msg-Id-Of-Mine": "7"},
    lambda rng: {"Nats-Expected-Last-Msg-Id": str(rng.randrange(40))},
]


def history(config: dict[str, Any], *, short: bool) -> list[Any]:
    """What one life of a stream looks like from outside; without ``short`` every publish goes the long way."""
    rng = random.Random(3)
    world = World(
        rng,
        terms=JetStreamTerms(memory=4000, store=4000),
        options=JetStreamOptions(max_buffered_msgs=30, max_buffered_bytes=900),
    )
    made = world.create("S", subjects=["s.*"], **config)
    assert "error" not in made
    intake = world.engine.accounts["A"].streams["S"].intake
    intake.plain = intake.plain and short
    seen: list[Any] = []
    for _ in range(120):
        replies = []
        for _ in range(rng.choice((1, 1, 3, 40))):
            fields = rng.choice(FIELDS)(rng) if rng.random() < 0.5 else None
            payload = rng.randbytes(rng.choice((0, 5, 60)))
            replies.append(world.send(f"s.{rng.randrange(6)}", payload, fields))
            if rng.random() < 0.1:
                world.account.publish(b"s.1", b"unanswered")
        world.advance(rng.choice((0.0, 0.5, 20.0)))
        answers = [world.answers.get(reply) for reply in replies]
        seen.append([each and (each.header, each.payload) for each in answers])
        if rng.random() < 0.05:
            world.api("STREAM.PURGE.S")
    seen += [world.state("S"), world.messages("S")]
    if config.get("storage") == "memory":
        return seen
    after = world.restart()
    return [*seen, after.state("S"), after.messages("S")]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_short_way_leads_where_the_long_one_does(config: dict[str, Any]) -> None:
    assert history(config, short=True) == history(config, short=False)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Nats-Msg-Id", "nats-msg-id", "Nats-Msg-Id ", "Nats-TTL", "Nats-", "A", "Nats-Msg-Ids"]),
            st.sampled_from(["", " ", ":", "1", " 1 ", "\t2 3\t", "Nats-Msg-Id: 4", "\r", "\n"]),
        ),
        max_size=3,
    ),
    st.sampled_from(["NATS/1.0", "NATS/1.0 404 Not Found", "Nats-Msg-Id: 9", "", "N"]),
    st.integers(0, 6),
)  # fmt: skip
def test_the_id_is_the_one_that_the_long_way_finds(
    fields: list[tuple[str, str]], status: str, cut: int
) -> None:
    lines = [status, *(f"{name}:{value}" for name, value in fields), "", ""]
    header = "\r\n".join(lines).encode()
    header = header[: len(header) - cut]
    found, known = message_id(header), fields_of(header)
    if found is not None:
        assert known == ({b"Nats-Msg-Id": found} if found else {})
    elif len(fields) == 1 and status.startswith("NATS") and not cut:
        assert known.keys() != {b"Nats-Msg-Id"}


def test_nothing_is_answered_before_it_is_on_disk() -> None:
    world = World()
    world.create("S", subjects=["s"])
    replies = [world.send("s", b"x") for _ in range(3)]
    world.turn()
    assert not world.answers.keys() & set(replies)
    world.settle()
    assert [world.answer(reply)["seq"] for reply in replies] == [1, 2, 3]


def test_what_is_said_of_the_way_changes_with_the_configuration_and_the_terms() -> None:
    world = World()
    config = world.create("S", subjects=["s"])["config"]
    assert world.publish("s")["seq"] == 1
    world.account.jetstream = {"": JetStreamTerms(store=1)}
    world.server.account_changed(world.account)
    assert world.publish("s")["error"]["err_code"] == 10002
    world.account.jetstream = {"": JetStreamTerms()}
    world.server.account_changed(world.account)
    assert world.publish("s")["seq"] == 2
    world.api("STREAM.UPDATE.S", config | {"sealed": True})
    assert world.publish("s")["error"]["err_code"] == 10109


# Acknowledgements -----------------------------------------------------------------------------------


class Inboxes:
    """Clients of one account, and its answers."""

    def __init__(self, connect: bytes = CONNECT) -> None:
        self.wired = Wired()
        self.one, self.other = self.wired.connect(connect), self.wired.connect()
        assert self.one.client is not None
        self.account = self.one.client.account
        self.answers = Answers(self.account)

    def subscribe(self, wire: MemoryWire, *subjects: bytes) -> None:
        self.wired.send(wire, *(b"SUB %b %d\r\n" % (s, n) for n, s in enumerate(subjects, 1)))

    def send(self, *replies: bytes) -> None:
        self.answers.send_all([(reply, b"{%b}" % reply) for reply in replies])


def msg(reply: bytes, sid: int = 1) -> bytes:
    return b"MSG %b %d %d\r\n{%b}\r\n" % (reply, sid, len(reply) + 2, reply)


def test_answers_go_to_the_family_in_their_order() -> None:
    inboxes = Inboxes()
    inboxes.subscribe(inboxes.one, b"_INBOX.a.*")
    inboxes.subscribe(inboxes.other, b"_INBOX.b.*")
    replies = [b"_INBOX.%b.%d" % (b"ab"[n % 3 % 2 :][:1], n) for n in range(200)]
    inboxes.send(*replies, b"nobody", b"_INBOX.c.1")
    of_a = [reply for reply in replies if b".a." in reply]
    assert inboxes.wired.take(inboxes.one) == b"".join(map(msg, of_a))
    assert inboxes.wired.take(inboxes.other) == b"".join(
        msg(reply) for reply in replies if b".b." in reply
    )
    assert inboxes.one.client is not None
    assert inboxes.one.client.out_msgs == len(of_a)
    assert inboxes.account.stats.out_msgs == len(replies)
    assert inboxes.wired.server.stats.out_bytes == sum(len(reply) + 2 for reply in replies)


@pytest.mark.parametrize("headers", [True, False])
def test_a_message_with_a_header_goes_to_whom_it_may_concern(headers: bool) -> None:
    inboxes = Inboxes(CONNECT if headers else b'CONNECT {"verbose":false}\r\n')
    inboxes.subscribe(inboxes.one, b"_INBOX.a.*")
    client = inboxes.one.client
    assert client is not None
    header = b"NATS/1.0\r\nA: b\r\n\r\n"
    for reply in (b"_INBOX.a.1", b"_INBOX.b.1", b"plain"):
        inboxes.answers.send_message(reply, header, b"payload")
    line = b"HMSG _INBOX.a.1 1 %d %d\r\n%b" % (len(header), len(header) + 7, header)
    wanted = (line if headers else b"MSG _INBOX.a.1 1 7\r\n") + b"payload\r\n"
    assert inboxes.wired.take(inboxes.one) == wanted
    assert client.out_msgs == 1 and client.out_bytes == (len(header) if headers else 0) + 7


def test_answers_go_to_everybody_who_listens() -> None:
    inboxes = Inboxes()
    inboxes.subscribe(inboxes.one, b"_INBOX.a.*", b"_INBOX.a.7", b"*.*.8")
    inboxes.send(b"_INBOX.a.6", b"_INBOX.a.7", b"_INBOX.a.8", b"_INBOX.a.9")
    taken = inboxes.wired.take(inboxes.one)
    wanted = [(6, 1), (7, 1), (7, 2), (8, 1), (8, 3), (9, 1)]
    assert sorted(taken.split(b"MSG ")) == sorted(
        b"".join(msg(b"_INBOX.a.%d" % n, sid) for n, sid in wanted).split(b"MSG ")
    )


def test_who_comes_and_goes_between_answers_is_heeded() -> None:
    inboxes = Inboxes()
    inboxes.subscribe(inboxes.one, b"_INBOX.a.*")
    inboxes.send(b"_INBOX.a.1")
    inboxes.subscribe(inboxes.other, b"_INBOX.a.2")
    inboxes.send(b"_INBOX.a.2")
    assert inboxes.wired.take(inboxes.one) == msg(b"_INBOX.a.1") + msg(b"_INBOX.a.2")
    inboxes.wired.send(inboxes.one, b"UNSUB 1\r\n")
    inboxes.send(b"_INBOX.a.3")
    assert inboxes.wired.take(inboxes.one) == b""
    assert inboxes.wired.take(inboxes.other) == msg(b"_INBOX.a.2")


def test_a_get_by_subject_shows_what_is_on_disk_and_the_last_of_the_very_subject() -> None:
    world = World()
    world.create("S", subjects=["s.>"], allow_direct=True)
    for subject, payload in (("s.*", b"1"), ("s.a", b"2")):
        world.publish(subject, payload)
    world.send("s.a", b"3")
    reply = world.send("$JS.API.DIRECT.GET.S.s.a")
    assert reply not in world.answers  # 3 isn't on disk, 2 isn't the last one
    world.settle()
    assert world.answers[reply].payload == b"3"
    assert b"\r\nNats-Subject: s.a\r\nNats-Sequence: 3\r\n" in world.answers[reply].header
    reply = world.send("$JS.API.DIRECT.GET.S.s.*")
    assert world.answers[reply].payload == b"3"  # a filter, though there is a subject of that name
    assert world.answers[world.send("$JS.API.DIRECT.GET.S.s.b")].header.startswith(b"NATS/1.0 404")
