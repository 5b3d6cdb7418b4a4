"""Streams and consumers over HTTP, before our broker and before nats-server: one console, two engines."""

import pytest

from console.gateway import jetstream
from console.gateway.errors import BrokerRefused
from console.models import AuditEntry, Role
from console.selectors.access import Access
from console.services import nats_user
from tests.console.desk import Desk, both

pytestmark = pytest.mark.django_db(transaction=True)


@both
def test_the_life_of_a_stream(desk: Desk) -> None:
    assert desk.get("streams") == {"streams": [], "total_count": 0}
    made = desk.make("S", "orders.>", max_msgs=10, description="what was ordered")
    assert made["config"]["max_msgs"] == 10
    for number in range(12):
        desk.publish("orders.new", b"%d" % number)
    (listed,) = desk.get("streams")["streams"]
    assert listed["config"]["name"] == "S"
    assert (listed["state"]["messages"], listed["state"]["first_seq"]) == (10, 3)
    changed = desk.ask("patch", "streams/S", {"max_age": 3_600_000_000_000, "max_msgs": 5})
    assert changed.status_code == 200, changed.content
    config = desk.get("streams/S")["config"]
    assert (config["max_age"], config["max_msgs"]) == (3_600_000_000_000, 5)
    assert config["description"] == "what was ordered", "what wasn't given stays"
    assert desk.ask("post", "streams/S/purge", {"keep": 2}).json() == {"purged": 3}
    assert desk.ask("post", "streams/S/purge").json() == {"purged": 2}
    assert desk.ask("delete", "streams/S", {"name": "T"}).status_code == 400
    assert desk.ask("delete", "streams/S", {"name": "S"}).status_code == 204
    assert desk.ask("get", "streams/S").json()["err_code"] == 10059
    assert desk.get("jetstream")["streams"] == 0
    kinds = AuditEntry.objects.filter(kind__startswith="stream.").values_list("kind", flat=True)
    assert sorted(kinds) == [
        "stream.changed", "stream.created", "stream.deleted", "stream.purged", "stream.purged",
    ]  # fmt: skip


REFUSED = [
    ({}, "name"), ({"name": "a.b"}, "name"), ({"name": "a b"}, "name"),
    ({"name": "S", "colour": "red"}, "colour"), ({"name": "S", "max_msgs": "many"}, "max_msgs"),
    ({"name": "S", "retention": "for ever"}, "retention"), ({"name": "S", "deny_purge": 1}, "deny_purge"),
    ({"name": "S", "subjects": ["a..b"]}, "subject"), ({"name": "S", "subjects": ["a.>", "a.b"]}, "overlap"),
    ({"name": "S", "subjects": ["orders.x"]}, "overlap"),
]  # fmt: skip


def test_a_stream_that_cannot_be_is_refused_in_words_and_changes_nothing(desk: Desk) -> None:
    desk.make("first", "orders.>")
    for body, word in REFUSED:
        answer = desk.ask("post", "streams", body)
        assert answer.status_code == 400, answer.content
        details = answer.json().get("details", [])
        assert word in (details[0]["argument_name"] if details else answer.json()["message"])
    assert desk.get("streams")["total_count"] == 1


@both
def test_messages_by_sequence_subject_and_page_without_taking_any(desk: Desk) -> None:
    desk.make("S", "a.*", "rare", retention="workqueue")
    for number in range(1, 121):
        desk.publish("rare" if number in (3, 60) else f"a.{number % 2}", b"%d" % number)
    assert desk.seqs("limit=50") == (list(range(120, 70, -1)), 70)
    assert desk.seqs("limit=50&seq=20") == (list(range(20, 0, -1)), None)
    assert desk.seqs("limit=4&order=oldest") == ([1, 2, 3, 4], 5)
    assert desk.seqs("limit=9&order=oldest&seq=119") == ([119, 120], None)
    assert desk.seqs("subject=rare") == ([60, 3], 2)
    assert desk.seqs("subject=rare&limit=1") == ([60], 59)
    assert desk.seqs("subject=a.0&limit=3&seq=10") == ([10, 8, 6], 5)
    assert desk.seqs("subject=nothing.>") == ([], None)
    assert desk.ask("delete", "streams/S/messages/120").status_code == 204
    assert desk.seqs("limit=2") == ([119, 118], 117)
    assert desk.ask("get", "streams/S/messages/120").status_code == 404
    assert desk.get("streams/S")["state"]["messages"] == 119, "looking takes nothing"
    for query in ("seq=x", "limit=0", "limit=999", "order=random", "subject=a..b"):
        answer = desk.ask("get", f"streams/S/messages?{query}")
        assert answer.json()["details"][0]["argument_name"] == query.split("=")[0]


def test_a_message_is_shown_whole_and_cut_in_a_list(desk: Desk) -> None:
    desk.make("S")
    desk.publish("S.big", b"y" * 100_000, Trace_Id="7")
    (listed,) = desk.get("streams/S/messages")["messages"]
    assert (listed["size"], len(listed["payload_base64"])) == (100_000, 87_384)
    assert ["Trace-Id", "7"] in listed["headers"]
    whole = desk.get("streams/S/messages/1")
    assert len(whole["payload_base64"]) == 133_336


def test_a_page_of_large_messages_is_bounded_in_bytes_and_goes_on_where_it_ended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "PAGE_BYTES", 250)
    desk.make("S")
    for _ in range(10):
        desk.publish("S.a", b"z" * 100)
    assert desk.seqs("") == ([10, 9], 8)
    assert desk.seqs("seq=8") == ([8, 7], 6)
    assert desk.seqs("order=oldest") == ([1, 2, 3], 4)


def test_a_search_that_would_take_too_long_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "READS_MAX", 10)
    desk.make("S")
    for number in range(40):
        desk.publish("S.many" if number < 30 else "S.other")
    page = desk.get("streams/S/messages?subject=S.many&limit=8")
    assert (page["messages"], page["complete"]) == ([], False)


@both
def test_consumers_with_their_lag(desk: Desk) -> None:
    desk.make("S")
    for _ in range(3):
        desk.publish("S.a")
    made = desk.ask("post", "streams/S/consumers", {"name": "worker", "filter_subjects": ["S.a"]})
    assert made.status_code == 201, made.content
    (listed,) = desk.get("streams/S/consumers")["consumers"]
    assert (listed["name"], listed["num_pending"]) == ("worker", 3)
    assert desk.get("streams/S/consumers/worker")["config"]["ack_policy"] == "explicit"
    again = desk.ask("post", "streams/S/consumers", {"name": "worker", "deliver_policy": "new"})
    assert again.status_code == 400, "it isn't changed by creating it again"
    paused = desk.ask(
        "post", "streams/S/consumers/worker/pause", {"pause_until": "2100-01-01T00:00:00Z"}
    )
    assert paused.json()["paused"] is True
    assert desk.get("streams/S/consumers/worker")["paused"] is True
    resumed = desk.ask("post", "streams/S/consumers/worker/pause", {"pause_until": None})
    assert resumed.json()["paused"] is False
    assert desk.ask("delete", "streams/S/consumers/worker").status_code == 204
    assert desk.get("streams/S/consumers")["total_count"] == 0


def test_a_viewer_looks_with_a_user_that_the_broker_lets_do_nothing_else(desk: Desk) -> None:
    desk.make("S")
    viewer = nats_user.of(Access(desk.namespace, Role.VIEWER))
    assert jetstream.call(viewer, "STREAM.INFO.S")["config"]["name"] == "S"
    for operation in ("STREAM.DELETE.S", "STREAM.PURGE.S", "STREAM.CREATE.T"):
        with pytest.raises(BrokerRefused, match=r"(?i)permissions violation"):
            jetstream.call(viewer, operation)
    assert desk.get("streams")["total_count"] == 1


@both
def test_an_engine_without_jetstream_is_told(desk: Desk) -> None:
    desk.engine.without_jetstream()
    desk.engine.start()
    answer = desk.ask("get", "streams")
    assert (answer.status_code, answer.json()["message"]) == (
        503, "JetStream isn't enabled for this namespace.",
    )  # fmt: skip
