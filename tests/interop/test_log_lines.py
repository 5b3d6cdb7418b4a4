"""What the log says of clients, line by line as nats-server says it: people and tools look for these words."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.servers import NATS_SERVER, OURS, Contender, Server, running
from tests.support.wait import wait_until

pytestmark = pytest.mark.skipif(
    not NATS_SERVER.available(), reason="nats-server, which it is held against, isn't installed"
)

DEADLINE_S = 10
PING = b"PING\r\n"
#: Of the lines for debugging these are held against nats-server's; ours also say why somebody was refused.
DEBUG_LINES = ("Client connection", "Authentication", "Stale")
USERS = """
authorization {
  timeout: 1
  users: [
    {user: a, password: p, permissions: {
      publish: {deny: "no.>"}, subscribe: {allow: ["ok.>", "q.> grp"]}, allow_responses: true}}
    {user: b, password: p}
  ]
}
"""


def connect(**fields: Any) -> bytes:
    usual = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
    return b"CONNECT %b\r\n" % json.dumps({**usual, "protocol": 1, **fields}).encode()


PLAIN = connect()
AS_A = connect(user="a", **{"pass": "p"})


@dataclass
class Case:
    """Conversations, each on a connection of its own, one after the other; ``held`` stay open until the last ended."""

    name: str
    conversations: list[bytes]
    config: str = ""
    held: list[bytes] = field(default_factory=list)


CASES = [
    Case("named", [connect(name="n", lang="py", version="1.0") + PING,
          connect(name="n") + PING, connect(name="\ud800") + PING]),
    Case(
        "permissions",
        [
            AS_A
            + b"PUB no.a 1\r\nx\r\nSUB no 1\r\nSUB q.a bad 3\r\nPUB ok.a _R_.x 1\r\nx\r\nSUB ok.a _sys_ 4\r\n"
            + b"PUB $NRG.x 0\r\n\r\nPUB $SYS.x 0\r\n\r\n",
            connect(user="b", **{"pass": "p"}) + b"PUB ok.a $JS.ACK.x 1\r\nx\r\n" + PING,
        ],
        USERS,
    ),
    Case(
        "authentication",
        [
            connect(user="a", **{"pass": "x"}) + PING, PLAIN + PING, PING, b"GET / HTTP/1.1\r\n\r\n",
            connect(nkey="UABC", sig="x"), connect(auth_token="t"), connect(jwt="eyJ"), connect(user='a"\n'),
        ],
        USERS,
    ),
    Case("token", [connect(auth_token="x"), connect(auth_token="t") + PING], "authorization {token: t}"),
    Case(
        "what can't be understood",
        [
            PLAIN + b"FOO\r\n", PLAIN + b"PUX\r\n", PLAIN + b"UNSUB\r\n", PLAIN + b"MSG a 1 1\r\nx\r\n", b"\r\n",
            PLAIN + b"PUB a 1\r\nxyz\r\n", PLAIN + b"PUB a 1\r\nx\rz\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            PLAIN + b"PUB a b c d\r\n", PLAIN + b"PUB a -1\r\n", PLAIN + b"PUB a " + b"9" * 20 + b"\r\n",
            PLAIN + b"HPUB a 3\r\n", PLAIN + b"HPUB a x 3\r\n", PLAIN + b"HPUB a 3 x\r\n", PLAIN + b"HPUB a 9 3\r\n",
            PLAIN + b"SUB a b c d\r\n", PLAIN + b"UNSUB 1 2 3\r\n", PLAIN + b"-ERR 'foo'\r\n", b"+OX\r\n",
            connect(headers=False, no_responders=False) + b"HPUB a 9 9\r\n", b"CONNECT {x\r\n", b"CONNECT []\r\n",
            b'CONNECT {"verbose":"x"}\r\n', b"INFO {x\r\n", b"INFO {}\r\n" + PING,
        ],
    ),
    Case(
        "what isn't wrong",
        [
            PLAIN + b"SUB a..b 1\r\nSUB a.> 2 3 \r\nUNSUB 9\r\nUNSUB 2 5\r\nPUB a..b 1\r\nx\r\n" + PING,
            connect(pedantic=True) + b"PUB a..b 1\r\nx\r\n" + PING,
        ],
    ),
    Case(
        "what is refused",
        [connect(protocol=7), connect(account="X"), connect(headers=False, no_responders=True)],
    ),
    Case(
        "limits",
        [
            PLAIN + b"PUB a 11\r\n", PLAIN + b"PUB a 999999999\r\n", PLAIN + b"SUB a.b.c.d 1\r\n" + PING,
            PLAIN + b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n" + PING, b"PUB " + b"a" * 2000,
        ],
        "max_payload: 10\nmax_subscriptions: 2\nmax_control_line: 1024\nmax_subscription_tokens: 3",
    ),
    Case("connections", [PLAIN + PING], "max_connections: 1", held=[PLAIN + PING]),
    Case(
        "connections of an account",
        [AS_A + PING],
        "accounts { A { limits {max_connections: 1}, users: [{user: a, password: p}] } }",
        held=[AS_A + PING],
    ),
    Case(
        "pending",
        [PLAIN + b"SUB other 1\r\nPUB big 65536\r\n" + b"x" * 65_536 + b"\r\n" + PING],
        "max_pending: 65536\nmax_payload: 65536",
        held=[PLAIN + b"SUB big 1\r\n" + PING],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lines_about_clients(case: Case) -> None:
    assert lines(OURS, case) == lines(NATS_SERVER, case)


TRACED = (
    connect(name="n", lang="py", version="1.0", user="u", auth_token="s3cret")
    + b"SUB foo 1\r\nsub a q 2\r\nUNSUB 2 5\r\nPUB foo 5\r\nhello\r\nPUB foo bar 0\r\n\r\n"
    + b'HPUB foo 16 19\r\nNATS/1.0\r\nA:\r\n\r\nabc\r\nPUB foo 4\r\n\x00\xff"\\\r\nPONG\r\n+OK\r\nINFO {}\r\n'
    + b"PING\r\nFOO\r\n"
)


@pytest.mark.parametrize("config", ["", "max_traced_msg_len: 4", "trace_headers: true"])
def test_operations_are_traced(config: str) -> None:
    def traced(contender: Contender) -> list[str]:
        case = [TRACED, connect(verbose=True) + b"SUB a..b 1\r\nPUB x 1\r\ny\r\n" + PING]
        with running(contender, f"{config}\ntrace: true\nlogtime: false") as server:
            for data in case:
                with dial(server, data) as sock:
                    read_until(sock, lambda told: b"PONG" in told)
            wait_until(lambda: server.log().count("->> [PONG]") == len(case), "both answers")
            server.stop()
            assert "s3cret" not in server.log()
            assert "[DBG]" not in server.log()
            found = re.findall(r"\[TRC\] 127\.0\.0\.1:\d+ - cid:\d+ - (.*)", server.log())
            # That a subscription has ended has no line here.
            return [line for line in found if "DELSUB" not in line and "-ERR Unknown" not in line]

    assert traced(OURS) == traced(NATS_SERVER)


def test_a_client_that_says_nothing_is_logged() -> None:
    assert silence(OURS, "authorization {token: t, timeout: 0.2}", b"") == silence(
        NATS_SERVER, "authorization {token: t, timeout: 0.2}", b""
    )


def test_a_client_that_answers_no_ping_is_logged() -> None:
    config = 'ping_interval: "100ms"\nping_max: 1'
    ours = silence(OURS, config, PLAIN)
    theirs = [line for line in silence(NATS_SERVER, config, PLAIN) if "Ping Timer" not in line]
    assert ours == theirs


def test_plain_passwords_are_warned_of() -> None:
    for contender in (OURS, NATS_SERVER):
        with running(contender, USERS) as server:
            assert "[WRN] Plaintext passwords detected, use nkeys or bcrypt" in server.log()


def lines(contender: Contender, case: Case) -> list[list[str]]:
    """What the log says of each of the case's connections."""
    with running(contender, f"{case.config}\ndebug: true") as server:
        wait_until(lambda: "connection closed" in server.log(), "the end of the one that asked")
        held = [dial(server, conversation) for conversation in case.held]
        for sock in held:
            read_until(sock, lambda data: b"PONG\r\n" in data)
        marks = [end(server, dial(server, data)) for data in case.conversations]
        marks += [end(server, sock) for sock in held]
        server.stop()
        return [own_lines(server, mark) for mark in marks]


def silence(contender: Contender, config: str, data: bytes) -> list[str]:
    """The log of a connection that the server has to end."""
    with running(contender, f"{config}\ndebug: true") as server:
        sock = dial(server, data)
        read_until(sock, lambda _: False)
        mark = end(server, sock)
        server.stop()
        return own_lines(server, mark)


def dial(server: Server, data: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
    sock.sendall(data)
    return sock


def end(server: Server, sock: socket.socket) -> str:
    """Ends the connection, waits until the log says so, and returns how its lines begin."""
    mark = f"127.0.0.1:{sock.getsockname()[1]} - "
    with sock:
        with suppress(OSError):  # the server was first
            sock.shutdown(socket.SHUT_WR)
        read_until(sock, lambda _: False)
    wait_until(
        lambda: any("connection closed" in line for line in own_lines(server, mark)),
        "the line that it is closed",
    )
    return mark


def own_lines(server: Server, mark: str) -> list[str]:
    """Without what depends on how many bytes a read brought.

    Sorted, each once: nats-server's threads have no order, and two of them may say the same.
    """
    found = set()
    for line in server.log().splitlines():
        head, here, text = line.partition(mark)
        if here:
            level = head.split()[-1]
            text = re.sub(r"^cid:[0-9]+ - |, i=[0-9]+", "", text)
            if level != "[DBG]" or text.startswith(DEBUG_LINES) or '" - ' in text:
                found.add(f"{level} {text}")
    return sorted(found)


def read_until(sock: socket.socket, done: Callable[[bytes], bool]) -> None:
    """Until the server ends the connection, or there is what was waited for."""
    data = b""
    try:
        while not done(data):
            more = sock.recv(65536)
            if not more:
                return
            data += more
    except ConnectionError:
        return


def test_a_subscription_that_a_reload_takes_away_is_logged() -> None:
    def removed(contender: Contender) -> list[str]:
        with running(contender, "authorization { users: [ {user: a, password: p} ] }") as server:
            with dial(server, AS_A + b"SUB no.x 1\r\nSUB no.y q 2\r\nSUB ok 3\r\n" + PING) as sock:
                read_until(sock, lambda told: b"PONG" in told)
                config = server.directory / "server.conf"
                denying = 'password: p, permissions: {subscribe: {deny: "no.>"}}'
                config.write_text(config.read_text().replace("password: p", denying))
                assert server.process is not None
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "Reloaded server configuration" in server.log(), "the reload")
            # nats-server walks a map of its subscriptions here: theirs come in any order.
            return sorted(re.findall(r"\[INF\] (Removed sub .*)", server.log()))

    ours = removed(OURS)
    assert ours == removed(NATS_SERVER)
    assert len(ours) == 2
