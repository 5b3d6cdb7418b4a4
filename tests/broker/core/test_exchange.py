"""Exports and imports: that they follow every change at once, end with their clients, and stay bounded."""

import re

import pytest

from broker.core import responses
from broker.core.account import Account
from broker.core.activation import Activation
from broker.core.auth import Grant
from broker.core.exports import Export
from broker.core.imports import ImportTerms
from broker.core.message import Message
from tests.support.wire import MemoryWire, Wired

STREAM = Export("stream", b"s.>")
SERVICE = Export("service", b"svc.*")


class World(Wired):
    """Accounts A, which exports, and B, which imports."""

    def __init__(self) -> None:
        super().__init__()
        self.a = self.server.add_account("A")
        self.b = self.server.add_account("B")

    def client(self, account: Account) -> MemoryWire:
        wire = self.connect()
        assert wire.client is not None
        self.server.register(wire.client, Grant(account, "somebody"))
        return wire

    def exports(self, *exports: Export) -> None:
        self.server.exchange.set(self.a, exports, (), ["signer"])

    def imports(self, *terms: ImportTerms) -> dict[ImportTerms, str]:
        self.server.exchange.set(self.b, (), terms)
        return self.b.imports.problems

    def run_timers(self) -> None:
        due, self.timers[:] = list(self.timers), []
        for seconds, callback in due:
            self.clock.now_s += seconds
            callback()


def stream(local: bytes = b"", **more: object) -> ImportTerms:
    return ImportTerms("stream", "A", b"s.>", local, **more)  # type: ignore[arg-type]


def service(local: bytes = b"", **more: object) -> ImportTerms:
    return ImportTerms("service", "A", b"svc.*", local, **more)  # type: ignore[arg-type]


def reply_of(told: bytes) -> bytes:
    found = re.search(rb"_R_\.\w{6}\.\w{6}", told)
    assert found is not None
    return found[0]


def test_an_import_holds_as_soon_and_as_long_as_the_export_does() -> None:
    world = World()
    assert list(world.imports(stream(), service()).values()) == [
        "stream import not authorized",
        "service import not authorized",
    ]
    a, b = world.client(world.a), world.client(world.b)
    world.send(b, b"SUB s.x 1\r\nSUB r 2\r\n")
    world.send(a, b"SUB svc.* 1\r\n")
    told = []
    for exports in ((), (STREAM, SERVICE), (STREAM,), ()):
        world.exports(*exports)
        world.send(a, b"PUB s.x 1\r\nx\r\n")
        heard = world.send(b, b"PUB svc.y r 0\r\n\r\n")
        told.append((b"MSG s.x 1 1" in heard, b"svc.y" in world.take(a)))
    assert told == [(False, False), (True, True), (True, False), (False, False)]
    assert not len(world.a.sublist) - 2  # its own SUB, and where answers arrive
    assert world.b.sublist.match(b"svc.y").plain == ()


def test_an_import_that_is_taken_back_ends_with_its_subscriptions() -> None:
    world = World()
    world.exports(STREAM)
    b = world.client(world.b)
    world.send(b, b"SUB s.x 1\r\nSUB > 2\r\n")
    world.imports(stream())
    assert len(world.a.sublist) == 2
    world.imports()
    assert len(world.a.sublist) == 0
    world.imports(stream(b"mine.>"))
    world.send(b, b"UNSUB 1\r\n")
    assert [sub.subject for sub in world.a.sublist.all()] == [b"s.>"]
    world.send(b, b"UNSUB 2\r\n")
    assert len(world.a.sublist) == 0


def test_an_exporter_that_goes_and_comes_again_is_followed() -> None:
    world = World()
    world.exports(STREAM)
    world.imports(stream())
    b = world.client(world.b)
    world.send(b, b"SUB s.x 1\r\n")
    world.server.remove_account("A")
    assert world.b.imports.problems == {stream(): '"A" account not defined for stream import'}
    world.a = world.server.add_account("A")
    world.exports(STREAM)
    world.a.publish(b"s.x", b"back")
    assert b"back" in world.take(b)


def test_an_activation_is_held_to_its_account_its_signer_its_time_and_its_revocation() -> None:
    world = World()
    export = Export("stream", b"s.>", token_required=True)
    world.exports(export)
    now = int(world.clock.wall_s())

    def holds(activation: Activation | None) -> bool:
        return not world.imports(stream(activation=activation))

    assert not holds(None)
    assert holds(Activation("B", "A", "", now, 0))
    assert holds(Activation("B", "signer", "A", now, 0))
    assert not holds(Activation("B", "stranger", "A", now, 0))
    assert not holds(Activation("B", "A", "", now, now - 1))
    assert not holds(Activation("B", "A", "", now, 0, not_before=now + 5))
    good = Activation("B", "A", "", now, now + 60)
    assert holds(good)
    world.exports(Export("stream", b"s.>", token_required=True, revocations={"B": now}))
    assert not len(world.b.imports)
    world.exports(export)
    assert len(world.b.imports)
    world.run_timers()
    assert not len(world.b.imports)


def test_circles_are_refused() -> None:
    world = World()
    world.exports(STREAM, SERVICE)
    world.server.exchange.set(
        world.b, (Export("stream", b"s.>"), Export("service", b"svc.*")), (stream(), service())
    )
    world.server.exchange.set(
        world.a,
        (STREAM, SERVICE),
        (ImportTerms("stream", "B", b"s.>"), ImportTerms("service", "B", b"svc.*")),
    )
    assert list(world.a.imports.problems.values()) == ["import forms a cycle"] * 2


def test_answers_end_when_they_were_given_late_or_the_asker_is_gone() -> None:
    world = World()
    world.exports(Export("service", b"svc.*", threshold_s=5.0))
    world.imports(service())
    a, b = world.client(world.a), world.client(world.b)
    world.send(a, b"SUB svc.* 1\r\n")
    ask = b"PUB svc.x r.1 0\r\n\r\n"
    world.send(b, b"SUB r.* 1\r\n" + ask)
    reply = reply_of(world.take(a))
    world.send(a, b"PUB %b 3\r\nyes\r\n" % reply)
    assert b"yes" in world.take(b)
    assert len(world.a.responses) == world.b.responses.awaited == 0

    world.send(b, ask)
    world.run_timers()
    assert len(world.a.responses) == world.b.responses.awaited == 0
    world.send(b, ask)
    assert len(world.a.responses) == 1
    world.send(b, b"UNSUB 1\r\n")
    world.run_timers()
    assert len(world.a.responses) == world.b.responses.awaited == 0


def test_a_request_that_nobody_takes_leaves_nothing_behind() -> None:
    world = World()
    world.exports(SERVICE)
    world.imports(service())
    b = world.client(world.b)
    assert b"NATS/1.0 503" in world.send(b, b"SUB r 1\r\nPUB svc.x r 0\r\n\r\n")
    assert len(world.a.responses) == world.b.responses.awaited == 0


def test_unanswered_requests_are_bounded_per_asking_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(responses, "AWAITED_MAX", 3)
    world = World()
    world.exports(SERVICE)
    world.imports(service())
    a, b = world.client(world.a), world.client(world.b)
    world.send(a, b"SUB svc.* 1\r\n")
    for n in range(5):
        world.send(b, b"PUB svc.x r.%d 0\r\n\r\n" % n)
    assert len(world.a.responses) == world.b.responses.awaited == 3
    assert world.b.responses.dropped == 2


def test_the_servers_own_receivers_see_imported_streams_and_serve_others() -> None:
    world = World()
    seen: list[Message] = []
    world.exports(STREAM)
    world.b.subscribe(b"mine.>", seen.append)
    world.b.subscribe(b"mine.>", seen.append, kind="tap")
    world.imports(stream(b"mine.>"))
    assert world.a.publish(b"s.x", b"hi")
    assert [m.subject for m in seen] == [b"mine.x"] * 2

    exchange, asked = world.server.exchange, list[Message]()
    exchange.export_service(world.a, b"$SYS.REQ.USER.*.INFO")
    exchange.import_service(
        world.b, world.a, b"$SYS.REQ.USER.B.INFO", b"$SYS.REQ.USER.INFO", share=True
    )
    world.a.subscribe(b"$SYS.REQ.USER.*.INFO", asked.append)
    b = world.client(world.b)
    world.send(b, b"SUB r 1\r\nPUB $SYS.REQ.USER.INFO r 0\r\n\r\n")
    assert asked[0].publisher is b.client
    assert b'"acc":"B"' in asked[0].header
    world.a.publish(asked[0].reply, b"you")
    assert b"MSG r 1 3\r\nyou" in world.take(b)
    world.imports()
    assert b"503" not in world.send(b, b"PUB $SYS.REQ.USER.INFO r 0\r\n\r\n")


def test_auto_unsubscribe_counts_what_a_stream_import_brings() -> None:
    world = World()
    world.exports(STREAM)
    world.imports(stream())
    b = world.client(world.b)
    world.send(b, b"SUB s.x 1\r\nUNSUB 1 2\r\n")
    for n in range(4):
        world.a.publish(b"s.x", b"%d" % n)
    assert world.take(b).count(b"MSG s.x 1") == 2
    assert len(world.a.sublist) == len(world.b.sublist) == 0
