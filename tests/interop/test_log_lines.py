"""What the log says of clients that do something wrong: the same lines as nats-server's, which operators search for."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.support.servers import CONTENDERS, Server, running
from tests.support.wait import wait_until

CONFIG = """
max_payload: 1024
max_connections: 5
max_subscriptions: 3
max_control_line: 512
accounts {
  A { users: [
    { user: a, password: pa, permissions: { publish: { deny: "no.>" }, subscribe: { deny: ["no.>", "q workers"] } } }
    { user: b, password: pb }
  ] }
}
"""
ALICE = {"user": "a", "pass": "pa", "verbose": False, "lang": "python", "version": "1.2", "name": "me"}  # fmt: skip
#: name → options of CONNECT, what is sent then, what the log says (without time, address and number of the connection).
WHO = '"v1.2:python:me" - "A/user:a" - '
CASES: dict[str, tuple[dict[str, object], bytes, list[str]]] = {
    "a forbidden publish": (ALICE, b"PUB no.x 2\r\nhi\r\n", [WHO + 'Publish Violation - Subject "no.x"']),
    "a reserved reply": (ALICE, b"PUB x $JS.ACK.a 2\r\nhi\r\n", [WHO + 'Publish Violation - Reply "$JS.ACK.a"']),
    "a forbidden subscription": (
        ALICE, b"SUB no.y 1\r\nSUB q workers 22\r\n",
        [WHO + 'Subscription Violation - Subject "no.y", SID 1',
         WHO + 'Subscription Violation - Subject "q", Queue: "workers", SID 22'],
    ),
    "too large": (ALICE, b"PUB x 2000\r\n" + bytes(2000) + b"\r\n", [WHO + "maximum payload exceeded: 2000 vs 1024"]),
    "too many": (ALICE, b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n", [WHO + "maximum subscriptions exceeded"]),
    "a long line": (ALICE, b"PUB %b 1\r\n" % (b"x" * 600), [WHO + "maximum control line exceeded"]),
    "an unknown operation": (ALICE, b"FOO bar\r\n", [WHO + "Client parser ERROR"]),
    "no size": (ALICE, b"PUB x abc\r\n", [WHO + 'processPub Bad or Missing Size: "x abc"']),
    "no arguments": (ALICE, b"PUB x\r\n", [WHO + 'processPub Parse Error: "x"']),
    "headers unasked": (ALICE, b"HPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", [WHO + "message headers not supported"]),
    "no header size": (
        {**ALICE, "headers": True}, b"HPUB x a 14\r\n", [WHO + 'processHeaderPub Bad or Missing Header Size: "x a 14"'],
    ),
    "sizes the wrong way round": (
        {**ALICE, "headers": True}, b"HPUB x 14 12\r\n",
        [WHO + 'processHeaderPub Header Size larger then TotalSize: "x 14 12"'],
    ),
    "a wrong password": ({"user": "a", "pass": "x"}, b"", ['authentication error - User "a"']),
    "nobody": ({}, b"", ["authentication error"]),
    "a token": ({"auth_token": "s3cret"}, b"", ['authentication error - Token "[REDACTED]"']),
}  # fmt: skip


@pytest.fixture(scope="module", params=CONTENDERS, ids=lambda contender: contender.name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if not request.param.available():
        pytest.skip(f"{request.param.name} isn't installed")
    with running(request.param, CONFIG) as started:
        yield started


def errors(log: str) -> list[str]:
    """Its [ERR] lines about clients, without what differs by nature."""
    found = re.findall(r"\[ERR\] 127\.0\.0\.1:\d+ - cid:\d+ - (.*)", log)
    # Where its parser stood is nats-server's own; so is how much it shows.
    return [re.sub(r"(Client parser ERROR).*", r"\1", line) for line in found]


def converse(server: Server, options: dict[str, object], sent: bytes) -> None:
    """Until the server has answered a PING behind it, or has closed the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as peer:
        peer.sendall(b"CONNECT %b\r\nPING\r\n" % json.dumps(options).encode() + sent + b"PING\r\n")
        heard = b""
        try:
            while heard.count(b"PONG\r\n") < 2 and (block := peer.recv(65536)):
                heard += block
        except ConnectionResetError:
            pass


@pytest.mark.parametrize("case", CASES)
def test_what_a_client_did_wrong_is_in_the_log(server: Server, case: str) -> None:
    options, sent, expected = CASES[case]
    before = len(server.log())
    converse(server, options, sent)
    wait_until(lambda: len(errors(server.log()[before:])) >= len(expected), "the lines")
    assert errors(server.log()[before:]) == expected
    assert "s3cret" not in server.log()


def test_one_connection_too_many_is_in_the_log(server: Server) -> None:
    before = len(server.log())
    peers = []
    try:
        for _ in range(6):
            peers.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            heard = peers[-1].recv(65536)
        while b"-ERR" not in heard and (block := peers[-1].recv(65536)):
            heard += block
        assert heard.endswith(b"-ERR 'maximum connections exceeded'\r\n")
        wait_until(lambda: errors(server.log()[before:]), "the line")
        assert set(errors(server.log()[before:])) == {"maximum connections exceeded"}
    finally:
        for peer in peers:
            peer.close()
