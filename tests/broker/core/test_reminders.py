"""When something of a client is due: pinged in time, however many others came and went meanwhile."""

from broker.core.options import ServerOptions
from tests.support.wire import CONNECT, Wired

DAY_S = 24 * 3600.0


def test_connections_that_came_and_went_leave_nothing() -> None:
    wired = Wired(ServerOptions(ping_interval_s=DAY_S))
    for _ in range(5000):
        wire = wired.connect()
        assert wire.client is not None
        wire.client.close("Client Closed")
    assert len(wired.server.timers) < 1100


def test_a_client_that_connects_again_and_again_is_reminded_of_once() -> None:
    wired = Wired(ServerOptions(ping_interval_s=DAY_S))
    wire = wired.connect()
    wired.send(wire, *[CONNECT] * 5000)
    assert len(wired.server.timers) < 1100


def test_everybody_is_still_pinged() -> None:
    wired = Wired(ServerOptions(ping_interval_s=60.0))
    staying = [wired.connect() for _ in range(3)]
    for _ in range(5000):
        wire = wired.connect()
        assert wire.client is not None
        wire.client.close("Client Closed")
    for wire in staying:
        wired.take(wire)
    wired.clock.now_s += 3.0
    wired.server.tick()
    assert [wired.take(wire) for wire in staying] == [b"PING\r\n"] * 3
    for wire in staying:
        wired.send(wire, b"PONG\r\n")
    wired.clock.now_s += 61.0
    wired.server.tick()
    assert [wired.take(wire) for wire in staying] == [b"PING\r\n"] * 3
