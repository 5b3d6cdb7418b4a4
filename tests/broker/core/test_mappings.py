"""Subject mappings: where a client's publish goes, who must be allowed what, and how they change under way."""

import re
from collections import Counter

import pytest

from broker.protocol.mapping import Destination, problem_of
from tests.support.wire import Wired

MESSAGE = re.compile(rb"MSG (\S+) 1 ")


def _subjects(wired: Wired, published: bytes) -> list[bytes]:
    wire = wired.connect()
    wired.send(wire, b"SUB > 1\r\n")
    return MESSAGE.findall(wired.send(wire, b"PUB %b 0\r\n\r\n" % published))


def test_a_publish_goes_to_the_mapped_subject() -> None:
    wired = Wired()
    wired.server.global_account.set_mappings(
        {b"a.*": [Destination(b"b.$1")], b"a.x": [Destination(b"literal.first")]}
    )
    assert _subjects(wired, b"a.1") == [b"b.1"]
    assert _subjects(wired, b"a.x") == [b"literal.first"]
    assert _subjects(wired, b"other") == [b"other"]


def test_mappings_come_and_go_under_way() -> None:
    wired = Wired()
    account = wired.server.global_account
    wire = wired.connect()
    wired.send(wire, b"SUB > 1\r\n")
    publish = b"PUB a 0\r\n\r\n"
    told = [wired.send(wire, publish)]
    account.set_mappings({b"a": [Destination(b"b")]})
    told.append(wired.send(wire, publish))
    account.set_mappings({b"a": [Destination(b"c")]})
    told.append(wired.send(wire, publish))
    account.set_mappings({})
    told.append(wired.send(wire, publish))
    assert [MESSAGE.findall(t) for t in told] == [[b"a"], [b"b"], [b"c"], [b"a"]]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([(b"x", 20), (b"y", 30)], {b"x": 20, b"y": 30, b"in": 50}),
        ([(b"x", 25), (b"in", 25)], {b"x": 25, b"in": 25, b"": 50}),
        ([(b"x", 100)], {b"x": 100}),
    ],
)
def test_weights_share_out_and_the_rest_keeps_the_subject_unless_it_is_listed(
    weights: list[tuple[bytes, int]], expected: dict[bytes, int]
) -> None:
    drawn = iter([n / 100 for n in range(100)])
    account = Wired().server.global_account
    account.random = lambda: next(drawn)
    account.set_mappings({b"in": [Destination(*weight) for weight in weights]})
    assert account.mapping is not None
    assert Counter(account.mapping(b"in") for _ in range(100)) == expected


def test_what_is_for_a_cluster_does_not_count_here() -> None:
    account = Wired().server.global_account
    account.set_mappings({b"in": [Destination(b"elsewhere", 100, "east")]})
    assert account.mapping is not None
    assert account.mapping(b"in") == b"in"


def test_the_asker_is_told_the_mapped_subject_nobody_answers_on() -> None:
    wired = Wired()
    wired.server.global_account.set_mappings({b"a": [Destination(b"b")]})
    wire = wired.connect()
    told = wired.send(wire, b"SUB r 1\r\n", b"PUB a r 0\r\n\r\n")
    assert b"Nats-Subject: b\r\n" in told


@pytest.mark.parametrize(
    ("source", "destinations", "text"),
    [
        (b"a..b", [Destination(b"x")], "invalid subject"),
        (b"a", [Destination(b"x", 50), Destination(b"x", 50)], 'duplicate entry for "x"'),
        (b"a", [Destination(b"x", 101)], "individual weights need to be <= 100"),
        (b"a", [Destination(b"x", 60), Destination(b"y", 60)], "total weight needs to be <= 100"),
        (b"a", [Destination(b"$1")], "wildcard index out of range in $1"),
    ],
)
def test_what_cannot_be_a_mapping_is_refused(
    source: bytes, destinations: list[Destination], text: str
) -> None:
    assert text in problem_of(source, destinations)
