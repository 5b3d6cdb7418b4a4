"""Publishers in front of a receiver that is far behind: who waits, who goes on, who is closed."""

from broker.core.options import ServerOptions
from tests.support.wire import MemoryWire, Wired

PAYLOAD = 1000
PUBLISH = b"PUB a %d\r\n%b\r\n" % (PAYLOAD, b"x" * PAYLOAD)
BLOCK = PUBLISH * 256  # about what is read at once
LIMIT = 16 * 1024 * 1024


def _crowd(count: int, **options: int) -> tuple[Wired, MemoryWire, list[MemoryWire]]:
    wired = Wired(ServerOptions(max_pending=LIMIT, **options))
    receiver = wired.connect()
    wired.send(receiver, b"SUB a 1\r\n")
    return wired, receiver, [wired.connect() for _ in range(count)]


def _publish(publishers: list[MemoryWire]) -> int:
    """Each that is read brings one block; how many that were."""
    reading = [wire for wire in publishers if wire.holds == 0]
    for wire in reading:
        assert wire.client is not None
        wire.client.receive(BLOCK)
    return len(reading)


def test_a_crowd_does_not_close_a_receiver_that_reads_late() -> None:
    wired, receiver, crowd = _crowd(20)
    assert receiver.client is not None
    blocks = 0
    for _ in range(8):  # turns in which the receiver's socket takes nothing
        blocks += _publish(crowd)
        for _, callback in wired.timers[:1]:
            del wired.timers[:1]
            callback()
    assert not receiver.ended
    assert any(wire.holds for wire in crowd)
    assert wired.take(receiver).count(b"MSG a 1 1000\r\n") == blocks * 256


def test_whoever_waited_goes_on_when_the_receiver_has_drained() -> None:
    wired, receiver, crowd = _crowd(10)
    while _publish(crowd):
        assert not receiver.ended
    wired.take(receiver)
    assert [wire.holds for wire in crowd] == [0] * 10
    assert all(wire.client is not None and wire.client.stalls == 1 for wire in crowd)


def test_a_receiver_that_never_reads_is_closed_and_its_publishers_go_on() -> None:
    wired, receiver, crowd = _crowd(3)
    while not receiver.ended:
        _publish(crowd)
        for _, callback in wired.timers[:1]:
            del wired.timers[:1]
            callback()
    assert receiver.client is not None
    assert receiver.client.reason == "Slow Consumer (Pending Bytes)"
    assert [wire.holds for wire in crowd] == [0, 0, 0]


def test_nobody_waits_where_the_operator_wants_no_stall() -> None:
    _, receiver, crowd = _crowd(1, no_fast_producer_stall=True)
    while not receiver.ended:
        assert _publish(crowd) == 1
    assert crowd[0].holds == 0


def test_a_client_that_publishes_to_itself_waits_until_it_reads() -> None:
    wired, receiver, crowd = _crowd(1)
    while receiver.holds == 0:
        _publish([receiver])
    assert not receiver.ended
    assert not wired.timers  # no time lets it go on, only its own reading
    while _publish(crowd):
        assert not receiver.ended
    for _, callback in wired.timers:
        callback()
    assert (receiver.holds, crowd[0].holds) == (1, 0)
    wired.take(receiver)
    assert receiver.holds == 0


def test_a_client_that_floods_itself_is_closed_and_heard_no_further() -> None:
    wired = Wired(ServerOptions(max_pending=LIMIT))
    flooder, other = wired.connect(), wired.connect()
    assert flooder.client is not None and other.client is not None
    wired.send(flooder, b"SUB a 1\r\n")
    wired.send(other, b"SUB after 1\r\n")
    count = LIMIT // PAYLOAD + 2000
    flooder.client.receive(PUBLISH * count + b"PUB after 0\r\n\r\n")
    assert flooder.ended and flooder.client.reason == "Slow Consumer (Pending Bytes)"
    assert wired.take(other) == b""
    assert wired.server.stats.in_msgs < count
