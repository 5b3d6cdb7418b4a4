"""Strangers who speak almost NATS: no crash, no hang, no growth, and the neighbours don't notice."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz import rapid
from tests.fuzz.conversations import Conversation, conversations
from tests.fuzz.victim import Bystander, assert_nothing_left, bystander, descriptors, hold
from tests.support.servers import CONTENDERS, Server, running

GROWTH_BYTES_MAX = 24 * 1024 * 1024
EXAMPLES = settings(
    max_examples=60,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


@pytest.fixture(scope="module", params=CONTENDERS, ids=lambda contender: contender.name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One server that has to outlive every test here; nats-server shows that the tests are fair."""
    if not request.param.available():
        pytest.skip(f"{request.param.command[0]} is not installed")
    with running(request.param) as started:
        yield started
        assert started.is_running()
        assert "Traceback" not in started.log()


@pytest.fixture(scope="module")
def neighbour(server: Server) -> Iterator[Bystander]:
    """One bystander that has to outlive every test here."""
    with bystander(server) as one:
        yield one


@EXAMPLES
@given(conversation=conversations())
def test_conversation(server: Server, neighbour: Bystander, conversation: Conversation) -> None:
    before = descriptors(server)
    hold(server, conversation)
    neighbour.exchange()
    assert_nothing_left(server, before)


@EXAMPLES
@given(crowd=st.lists(conversations(), min_size=2, max_size=6))
def test_memory_stays_flat(server: Server, neighbour: Bystander, crowd: list[Conversation]) -> None:
    for conversation in crowd:
        hold(server, conversation)
    neighbour.exchange()
    assert server.rss_bytes() < _rss_at_first(server) + GROWTH_BYTES_MAX


_FIRST_RSS: dict[int, int] = {}


def _rss_at_first(server: Server) -> int:
    return _FIRST_RSS.setdefault(server.port, server.rss_bytes())


FRAMES = (
    b'CONNECT {"verbose":false,"headers":true}\r\n',
    b"SUB cut.> 7\r\n",
    b"PUB cut.a 5\r\nhe\r\no\r\n",
    b"PUB cut.b reply.to 0\r\n\r\n",
    b"HPUB cut.c 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n",
    b"HPUB cut.d re.ply 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    b"UNSUB 7\r\n",
    b"PING\r\n",
)
ANSWER = (
    b"MSG cut.a 7 5\r\nhe\r\no\r\nMSG cut.b 7 reply.to 0\r\n\r\n"
    b"HMSG cut.c 7 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n"
    b"HMSG cut.d 7 re.ply 12 12\r\nNATS/1.0\r\n\r\n\r\nPONG\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
def test_frames_arrive_in_pieces_of_any_size(server: Server, size: int) -> None:
    data = b"".join(FRAMES)
    assert _talk(server, [data[at : at + size] for at in range(0, len(data), size)]) == ANSWER


def test_frames_cut_in_two_anywhere(server: Server) -> None:
    data = b"".join(FRAMES)
    for cut in range(1, len(data)):
        assert _talk(server, [data[:cut], data[cut:]]) == ANSWER, (
            f"cut at {cut}: {data[:cut][-12:]!r}"
        )


def _talk(server: Server, pieces: list[bytes]) -> bytes:
    """Send the pieces as separate packets; return all that came after INFO, up to PONG."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        for piece in pieces:
            sock.sendall(piece)
        while b"PONG\r\n" not in received:
            data = sock.recv(65536)
            assert data, received
            received += data
    return b"".join(line for line in _without_info(received))


def _without_info(received: bytes) -> list[bytes]:
    return [line for line in received.splitlines(keepends=True) if not line.startswith(b"INFO ")]


def test_thousands_of_conversations_without_sockets() -> None:
    """The first of a campaign that is started by hand; it raises what it finds."""
    rapid.campaign(3000, seed=7)
